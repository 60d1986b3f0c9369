"""Regions, services and pricing units of Azure: tables in CSV, whose source and licence they name."""
