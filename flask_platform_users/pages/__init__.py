"""What each template receives: one object, with everything that it shows and links to.

Each module is named after the template that it serves.
"""
