"""Reports as one HTML page: a frozen model (`model`), builders of it (`from_*`), and what renders it (`document`)."""
