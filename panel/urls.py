"""The addresses of pages. `/api/v2` is not here: `api_v2.middleware` serves it ahead of everything else."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

urlpatterns = [
    path("", include("api_v2.urls")),
    path("", include("admin_api.urls")),
    path("", include("dashboard.urls")),
    path("language/", set_language, name="set_language"),
    path("account/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "dashboard.views.errors.bad_request"
