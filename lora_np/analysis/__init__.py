"""What a fine-tune did to its base: spectra, a report on an adapter, a doctor for it, plots."""
