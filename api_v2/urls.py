"""The address of the docs page. The API's own is served by `api_v2.middleware`, ahead of all pages."""

from django.urls import path

from api_v2 import docs

urlpatterns = [path("docs/api", docs.docs, name="docs")]
