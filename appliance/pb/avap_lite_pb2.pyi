from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Empty(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CommandRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class CommandResponse(_message.Message):
    __slots__ = ("name", "type", "interface_json", "code", "hash")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_JSON_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    interface_json: str
    code: bytes
    hash: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., interface_json: _Optional[str] = ..., code: _Optional[bytes] = ..., hash: _Optional[str] = ...) -> None: ...

class CatalogResponse(_message.Message):
    __slots__ = ("commands", "total_count", "version_hash")
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    VERSION_HASH_FIELD_NUMBER: _ClassVar[int]
    commands: _containers.RepeatedCompositeFieldContainer[CommandResponse]
    total_count: int
    version_hash: str
    def __init__(self, commands: _Optional[_Iterable[_Union[CommandResponse, _Mapping]]] = ..., total_count: _Optional[int] = ..., version_hash: _Optional[str] = ...) -> None: ...
