"""The machine: whole-or-absent files, processes and threads, free memory."""
