"""What each template receives: one object, with everything that it shows and links to.

Each page has a module named after its template. That of the list builds on ``list_narrowing`` and
``list_cards``; ``shared`` has what several pages use.
"""
