"""A stand-in of IMS's job records behind CSM's gateway, with Keycloak's token endpoint beside it.

It keeps to what `ims: src/server/v3/resources/jobs.py` does with a record: GET and PATCH of one job, statuses that
it validates, RFC 7807 problems. A token that it did not give out, or that has ended, is answered with 401.
"""

from tests.sandbox.ims.server import CLIENT_ID, CLIENT_SECRET, ImsServer

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "ImsServer"]
