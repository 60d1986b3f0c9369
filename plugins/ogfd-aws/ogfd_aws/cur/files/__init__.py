"""Files of a report, whatever their format: a header first, then tables of the columns asked for."""
