"""Write the table of ``docs/security.md`` anew."""

from .table import PAGE, page_with, table

PAGE.write_text(page_with(table()))
