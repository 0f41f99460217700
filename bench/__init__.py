"""The Platform Users page beside Flask-Admin, Django admin and a hand-written view."""
