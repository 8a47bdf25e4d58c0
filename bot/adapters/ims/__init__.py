"""The Image Management Service's own API: `records` reads and closes job records, `token` gets the way in.

Only for sites that set `ims` in the configuration. IMS learns nothing from Kubernetes: a job whose pod never
started stays `creating` in its records for ever, and whoever polls the record waits as long (domain.md 1.4).
"""
