"""The pictures of a request: its body as it is, or the files of a form."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from serving.errors import BadUpload, TooMuch, WrongType
from serving.scorer import ServingLimits

FORM = "multipart/form-data"
RAW = "application/octet-stream"
_LONGEST_NAME = 255  # characters of a file's name that are given back


@dataclass(frozen=True, slots=True)
class Upload:
    """One picture."""

    name: str  # that the client gave it; "" for a bare body
    content: bytes


async def uploads_of(request: Request, limits: ServingLimits) -> list[Upload]:
    """The pictures that were sent, in their order.

    Raises:
        BadUpload: there are none, or the form is broken.
        TooMuch: too many, or one is too large.
        WrongType: the body is neither a picture nor a form.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == FORM:
        found = await _files_of(request, limits)
    elif kind == RAW or kind.startswith("image/"):
        found = [Upload("", await request.body())]
    else:
        raise WrongType(
            f"send a picture as {RAW} or image/…, or files as {FORM}; got {kind or 'no content-type'}; "
            "addresses of pictures are not fetched"
        )
    if not any(one.content for one in found):
        raise BadUpload("the request has no picture")
    for one in found:
        if len(one.content) > limits.picture_bytes:
            raise TooMuch(f"{one.name or 'the picture'} has {len(one.content)} bytes, at most {limits.picture_bytes}")
    return found


async def _files_of(request: Request, limits: ServingLimits) -> list[Upload]:
    try:
        async with request.form(max_files=limits.pictures, max_fields=limits.pictures) as form:
            files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            return [Upload((file.filename or "")[:_LONGEST_NAME], await file.read()) for file in files]
    except HTTPException as error:  # Starlette's, of a form that it cannot read
        if str(error.detail).startswith("Too many"):
            raise TooMuch(f"at most {limits.pictures} pictures in one request") from None
        raise BadUpload(f"the form cannot be read: {error.detail}") from None
