"""Errors of CRI as the kubelet and crictl print them."""


class CriError(Exception):
    """`code` is a gRPC status name (`Unknown`, `NotFound`, …); the text is the `desc`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def unknown(message: str) -> CriError:
    return CriError("Unknown", message)


def rpc_text(code: str, message: str) -> str:
    """How Go prints a status."""
    return f"rpc error: code = {code} desc = {message}"
