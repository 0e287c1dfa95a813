"""``python -m clipnb``."""

import sys

from clipnb.cli import main

sys.exit(main())
