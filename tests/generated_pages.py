#!/usr/bin/env python3
"""The pages that are made from data. `generated_pages.py` fails if one is not up to date, `--write` writes them."""
import sys

import property_table
import scenario_reference
from detection import catalogue

PAGES = {scenario_reference.FOLDER / "reference.md": scenario_reference.page,
         property_table.PAGE: property_table.page,
         catalogue.FOLDER / "README.md": catalogue.page}

stale = [str(path) for path, page in PAGES.items() if not path.exists() or path.read_text() != page()]
if "--write" in sys.argv[1:]:
    for path, page in PAGES.items():
        path.write_text(page())
elif stale:
    sys.exit(f"not up to date, run tests/generated_pages.py --write: {', '.join(stale)}")
