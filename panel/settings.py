"""Settings of the panel, read from the environment; `.env.example` explains every variable.

Without `DATABASE_URL` the environment is completed by `panel.embedded` before this module loads
(see `manage.py`), so nothing here knows whether a server is embedded.
"""

import math
import re
from pathlib import Path
from urllib.parse import urlsplit

from csp import constants as csp
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from django.templatetags.static import static

from panel.environment import Env
from panel.schedule import BEAT_SCHEDULE
from panel.startup import BASE_DIR, data_directory, read_env_file

env = Env()
read_env_file()

DEBUG = env.bool("DEBUG", default=False)
# Everything a machine keeps for the panel outside its database: embedded servers, built static files, demo facts.
PANEL_DATA = data_directory()

SECRET_KEY = env.secret("SECRET_KEY", in_debug="django-insecure-debug-only")
# Peppers the digests of API keys. Changing it makes every issued key invalid.
API_KEY_PEPPER = env.secret("API_KEY_PEPPER", in_debug="debug-only-pepper")
# Encrypts our own keys at the panels we buy from, and the secrets of second factors. With commas between: the first
# encrypts, all of them decrypt.
PROVIDER_KEYS_SECRET = env.secret("PROVIDER_KEYS_SECRET", in_debug="debug-only-provider-keys")
if not PROVIDER_KEYS_SECRET.replace(",", "").strip():
    raise ImproperlyConfigured("PROVIDER_KEYS_SECRET names no secret, only commas and blanks.")
DATABASE_URL = env.server("DATABASE_URL", "postgresql", "postgres", in_debug="postgresql:///panel")
REDIS_URL = env.server("REDIS_URL", "redis", "rediss", "unix", in_debug="redis://127.0.0.1:6379/0")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"] if DEBUG else [])
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS is not set. It is required when DEBUG is off; see .env.example.")

SITE_NAME = env.str("SITE_NAME", default="Panel")
# The address customers see in the docs and in mails, without a slash at the end.
BASE_URL = env.origin("BASE_URL")
SUPPORT_URL = env.str("SUPPORT_URL", default="https://t.me/your_support")
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", default=[BASE_URL] if BASE_URL else [])

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces; leaves the site to ours
    "unfold.contrib.import_export",
    "panel.apps.PanelAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "import_export",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",  # the page of the Admin API, without anybody else's server
    "accounts",
    "wallet",
    "providers",
    "catalog",
    "orders",
    "payments",
    "support",
    "content",
    "api_v2",
    "admin_api",
    "reports",
    "status",
    "staff",  # after all whose permissions its roles are made of
    "dashboard",
    "panel",
]

MIDDLEWARE = [
    "panel.request_ids.NameRequests",
    # Before the rest, so that an API call pays for no session, no CSRF check and no redirect.
    "api_v2.middleware.ServeApiFirst",
    "status.middleware.ServeProbesFirst",  # whoever asks how we are knows no host name and speaks no TLS
    "admin_api.middleware.AnswerInEnvelope",  # around all that may refuse a call
    "panel.middleware.RefuseNul",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "panel.middleware.CompressPages",  # files are compressed already when they are collected
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.preferences.UsePreferences",
    "accounts.sessions.NoteActivity",  # in the place of allauth's, which would write a row on every request
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashboard.impersonation.ShowAsCustomer",  # last: it runs the view itself, in a transaction that only reads
]

ROOT_URLCONF = "panel.urls"
WSGI_APPLICATION = "panel.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.context_processors.site",
            ],
        },
    },
]

# --- Database ------------------------------------------------------------------------------------

# A process that stands still in the middle of a transaction keeps what it has locked from all others, and TCP notices a
# machine that is cut off after hours. No transaction of ours waits for anything but the database: provider calls,
# exports and mails are outside. `pg_dump` switches it off for itself.
IDLE_IN_TRANSACTION_SECONDS = 30
try:
    DATABASES = {"default": env.db_url_config(DATABASE_URL)}
except ValueError as error:
    raise ImproperlyConfigured(f"DATABASE_URL cannot be used: {error}") from error
_server_options = DATABASES["default"].get("OPTIONS", {}).get("options", "")
DATABASES["default"] |= {
    # A connection lives as long as its thread; a dead one is replaced on the next request.
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": False,
    "OPTIONS": {
        **DATABASES["default"].get("OPTIONS", {}),
        # The API's few statements run thousands of times a second: parsed and planned once per connection.
        # Behind PgBouncer (before 1.21) set DATABASE_PREPARE=0.
        "server_side_binding": True,
        "prepare_threshold": 2 if env.bool("DATABASE_PREPARE", default=True) else None,
        "connect_timeout": 5,
        # A server that is cut off is given up after 25 s: asked after ten, then every five, or at once with something
        # on its way. That leaves a worker time to record how a call ended. They mean nothing to a Unix socket.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,
        # The owner's own options come last, and so prevail.
        "options": f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s {_server_options}".rstrip(),
        "application_name": "panel",
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis protocol: broker, cache, rate limits. Nothing in it is needed to stay correct. ---------

REDIS_TIMEOUT_SECONDS = 0.25  # design: a lost Redis may cost a fraction of a second, never an answer
CACHES = {
    # What allauth counts (log-ins, mails): seldom enough for the database, and so nobody needs Redis to log in.
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "accounts_cache"},
    # What our own guards count (django-ratelimit); they pass when Redis is away.
    "limits": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
            "socket_timeout": REDIS_TIMEOUT_SECONDS,
        },
    },
}
RATELIMIT_USE_CACHE = "limits"

CELERY_BROKER_URL = REDIS_URL
if REDIS_URL.startswith("unix://"):  # redis-py and Kombu spell a Unix socket differently
    CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,
    "max_retries": 1,
    "interval_start": 0,
    "interval_max": 0.1,
    # A message that is lost costs nothing: Redis need not keep it until its task is done.
    "ack_emulation": False,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE

# --- Accounts ------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard:overview"
LOGOUT_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "dashboard.account_mails.MailingAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = env.choice("EMAIL_VERIFICATION", "none", "optional", "mandatory", default="optional")
ACCOUNT_EMAIL_SUBJECT_PREFIX = f"[{SITE_NAME}] "
ACCOUNT_USERNAME_MIN_LENGTH = 3
# A new password ends every other session, as sessions carry a digest of it; the one it was changed in goes on.
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
# Whoever finds an open session may neither take over the account through another address, nor do it unseen.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
MFA_ADAPTER = "accounts.second_factors.SealingMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = SITE_NAME
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RECOVERY_CODE_COUNT = 10

# The header in which a trusted reverse proxy puts the client's address; empty: the socket's address.
CLIENT_IP_HEADER = env.str("CLIENT_IP_HEADER", default="")
RATELIMIT_IP_META_KEY = "REMOTE_ADDR"
if CLIENT_IP_HEADER:
    ALLAUTH_TRUSTED_CLIENT_IP_HEADER = CLIENT_IP_HEADER
    RATELIMIT_IP_META_KEY = "HTTP_" + CLIENT_IP_HEADER.upper().replace("-", "_")

try:
    EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
except (ValueError, ImproperlyConfigured) as error:
    raise ImproperlyConfigured(f"EMAIL_URL cannot be used: {error}") from error
if EMAIL_CONFIG["EMAIL_BACKEND"].endswith(".smtp.EmailBackend") and not EMAIL_CONFIG["EMAIL_HOST"]:
    raise ImproperlyConfigured("EMAIL_URL names no mail server; see .env.example.")
# Workers send mail to staff in the middle of an order's life; a mail server that hangs must not keep them.
EMAIL_TIMEOUT = 10
vars().update(EMAIL_CONFIG)
EMAIL_SUBJECT_PREFIX = ACCOUNT_EMAIL_SUBJECT_PREFIX
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="panel@localhost")
SERVER_EMAIL = env.str("SERVER_EMAIL", default=DEFAULT_FROM_EMAIL)  # the sender of mails to staff
ADMINS = [(_mail, _mail) for _mail in map(str.strip, env.list("STAFF_MAILS", default=[])) if _mail]
for _, _mail in ADMINS:
    try:
        validate_email(_mail)
    except ValidationError as error:
        raise ImproperlyConfigured(f"STAFF_MAILS cannot be used: {_mail!r} is no mail address.") from error

# --- The panel's own rules -----------------------------------------------------------------------

BASE_CURRENCY = env.str("BASE_CURRENCY", default="USD")  # service rates are stored in it
if not re.fullmatch("[A-Z]{3}", BASE_CURRENCY):
    raise ImproperlyConfigured(f"BASE_CURRENCY must be three capital letters like USD, not {BASE_CURRENCY!r}.")
# A second person must approve what moves more than this in the base currency, at once or with what one person moved
# within a day, and every credit by hand.
FOUR_EYES = env.bool("FOUR_EYES", default=True)
FOUR_EYES_ABOVE = env.amount("FOUR_EYES_ABOVE", default="100")
FOUR_EYES_ABOVE_A_DAY = env.amount("FOUR_EYES_ABOVE_A_DAY", default="1000")
API_V2_ALLOW_GET = env.bool("API_V2_ALLOW_GET", default=False)
DRIPFEED_QUANTITY = env.choice("DRIPFEED_QUANTITY", "total", "per_run", default="total")
ARCHIVE_AFTER_DAYS = env.positive("ARCHIVE_AFTER_DAYS", default=180, most=36_500)
SANDBOX_SPEED = env.float("SANDBOX_SPEED", default=1.0)  # 10 makes the demo provider ten times as fast
if not 0 < SANDBOX_SPEED < math.inf:
    raise ImproperlyConfigured(f"SANDBOX_SPEED must be a number above 0, not {SANDBOX_SPEED}.")
# A provider may then be in the owner's own network; otherwise no call ever goes there.
PROVIDERS_ALLOW_PRIVATE = env.bool("PROVIDERS_ALLOW_PRIVATE", default=False)
# Threads spend their time waiting for providers. A provider that hangs may hold four submitters and a few others.
WORKER_CONCURRENCY = env.positive("WORKER_CONCURRENCY", default=16, most=1000)
HOST = env.str("HOST", default="127.0.0.1" if DEBUG else "0.0.0.0")  # noqa: S104 (a container's only address)
PORT = env.int("PORT", default=8000)
WEB_WORKERS = env.positive("WEB_WORKERS", default=2, most=1000)
WEB_THREADS = env.positive("WEB_THREADS", default=4, most=1000)
# Stripe is offered when both are set: without the second nobody would ever be credited.
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="").strip()
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="").strip()
if bool(STRIPE_SECRET_KEY) != bool(STRIPE_WEBHOOK_SECRET):
    raise ImproperlyConfigured("STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET are both needed, or neither.")
STRIPE_API_BASE = env.origin("STRIPE_API_BASE", default="https://api.stripe.com")
STRIPE_CHECKOUT_ORIGIN = env.origin("STRIPE_CHECKOUT_ORIGIN", default="https://checkout.stripe.com")

# --- The Admin API ---------------------------------------------------------------------------------

# What each key of the staff may ask; tools written for other panels keep to five requests a second.
ADMIN_API_RATE = env.str("ADMIN_API_RATE", default="300/m")
if not re.fullmatch(r"[1-9][0-9]*/[1-9]?[0-9]*[smhd]", ADMIN_API_RATE):
    raise ImproperlyConfigured(
        f"ADMIN_API_RATE must be a number of requests in a time like 300/m, not {ADMIN_API_RATE!r}."
    )
REST_FRAMEWORK = {
    # Every address says for itself who may come in; what is forgotten is closed.
    "DEFAULT_AUTHENTICATION_CLASSES": ["admin_api.authentication.StaffKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": f"{SITE_NAME}: Admin API",
    "DESCRIPTION": "For tools of the staff. Every answer comes in the envelope "
    '`{"data": …, "error_message": "", "error_code": 0}`; `error_code` repeats the HTTP status of a refusal.',
    "VERSION": "2",
    "OAS_VERSION": "3.1.0",
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": "admin_api.words.ORDER_WORDS",
        "RefillStatus": "admin_api.words.REFILL_OF_WORD",
        "FinalRefillStatus": "admin_api.words.FINAL_REFILL_WORDS",
        "TicketStatus": "admin_api.words.TICKET_OF_WORD",
        "UserStatus": "admin_api.words.USER_WORDS",
    },
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

# Whoever asks for /metrics from elsewhere than this machine must show it; empty: nobody may.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="").strip()

# --- The rest ------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"  # of the database, the API, and whoever has not chosen another one
USE_I18N = True
FORMAT_MODULE_PATH = "panel.formats"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(PANEL_DATA / "static")))
# `manage.py build_css` writes the style sheet here; it is built, not kept in the repository.
CSS_DIR = PANEL_DATA / "css"
STATICFILES_DIRS = [CSS_DIR] if CSS_DIR.is_dir() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# A list of 1,000 long comments fits; anything larger is not an order.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

X_FRAME_OPTIONS = "DENY"
# Scripts and styles are files of ours. Nothing inline runs, whatever a customer typed into a link.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.NONE],
        "script-src": [csp.SELF, csp.NONCE],
        "style-src": [csp.SELF, csp.NONCE],
        "img-src": [csp.SELF, "data:"],  # the QR code of a second factor is drawn into the page
        "connect-src": [csp.SELF],
        # Browsers also check where a form's answer redirects to.
        "form-action": [csp.SELF, *([STRIPE_CHECKOUT_ORIGIN] if STRIPE_SECRET_KEY else [])],
        "frame-ancestors": [csp.NONE],
        "base-uri": [csp.NONE],
    }
}
SESSION_COOKIE_HTTPONLY = True
if not DEBUG:
    _secure = env.bool("HTTPS", default=urlsplit(BASE_URL).scheme != "http")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _secure
    ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if _secure else "http"
    SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _secure else 0
    SECURE_HSTS_INCLUDE_SUBDOMAINS = _secure
    # A commitment of the whole domain that browsers ship for years: nobody's default.
    SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", default=False) and _secure
    if not SECURE_HSTS_PRELOAD:
        SILENCED_SYSTEM_CHECKS = ["security.W021"]  # which recommends it to everybody
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None

LOG_LEVEL = env.choice("LOG_LEVEL", "DEBUG", "INFO", "WARNING", "ERROR", default="INFO")
LOG_FORMAT = env.choice("LOG_FORMAT", "line", "json", default="line")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "panel.logs.LineFormatter", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "panel.logs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": []},  # Django's own would print everything a second time
        "django.server": {"handlers": ["console"], "propagate": False},
        "httpx": {"level": "WARNING"},  # below that it tells of every call to a provider
        "celery": {"level": "WARNING"},  # below that it tells of every sweep, many times a second
    },
}

IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "change"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"

UNFOLD = {
    "SITE_TITLE": f"{SITE_NAME} staff",
    "SITE_HEADER": SITE_NAME,
    "SITE_SYMBOL": "stacks",
    "DASHBOARD_CALLBACK": "reports.home.fill",
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": "panel.admin_menu.build_menu"},
    "COMMAND": {"search_callback": "reports.finding.find"},
    "STYLES": [lambda _request: static("panel/admin.css")],
    "SITE_FAVICONS": [
        # A function, as the address of a collected file is known only when it is asked for.
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("dashboard/favicon.svg")}
    ],
}
