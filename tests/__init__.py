"""The tests of flask-platform-users."""
