"""The Kubernetes API: reads, changes, watches and Leases.

From the bottom up: `sources`, `credentials`, `connect` (how in, and as whom), `transport`, `status`, `client`
(requests and refusals), `lines`, `watch`, `world`, `feed` (what the cluster says), `read`, `write`, `cluster`
(facts and changes), `lease_store`, `sightings`, `lease` (who may touch a target).
"""
