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

class CommandDefinition(_message.Message):
    __slots__ = ("name", "code", "hash", "type", "interface_json", "package")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_JSON_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    code: str
    hash: str
    type: str
    interface_json: str
    package: bytes
    def __init__(self, name: _Optional[str] = ..., code: _Optional[str] = ..., hash: _Optional[str] = ..., type: _Optional[str] = ..., interface_json: _Optional[str] = ..., package: _Optional[bytes] = ...) -> None: ...

class Catalog(_message.Message):
    __slots__ = ("commands",)
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    commands: _containers.RepeatedCompositeFieldContainer[CommandDefinition]
    def __init__(self, commands: _Optional[_Iterable[_Union[CommandDefinition, _Mapping]]] = ...) -> None: ...
