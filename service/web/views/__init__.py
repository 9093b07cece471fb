"""The routes, one blueprint in each module; a view is its decorators and a few lines."""

from service.web.pages.files import files
from service.web.views.dashboard import dashboard
from service.web.views.feedback import feedback
from service.web.views.health import health
from service.web.views.home import home
from service.web.views.model import model
from service.web.views.model_pages import model_pages
from service.web.views.predictions import predictions

BLUEPRINTS = (predictions, feedback, health, model, model_pages, dashboard, home, files)
