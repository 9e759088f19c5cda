"""What people see, whichever room it belongs to: templates, texts in every language, the visit, refusals as pages."""
