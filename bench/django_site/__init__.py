"""A Django project with the admin over the bench's tables."""
