"""The forms of single values that several sections share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SlackId = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{2,20}$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9][-a-z0-9]{0,62}/[a-z0-9][-a-z0-9.]{0,252}$")]
"""`namespace/name`."""
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
RemotePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/+-]+$")]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)
