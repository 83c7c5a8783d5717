"""The messages of TensorFlow's files, as far as converting needs them (tensorflow/core/protobuf, tensorflow/core/framework)."""

from tachylite.frontends.protobuf import Schema

SCHEMA = Schema(
    {
        "GraphDef": "node:NodeDef*=1 library:FunctionDefLibrary=2",
        "NodeDef": "name:string=1 op:string=2 input:string*=3 attr:AttrValue%=5",
        "AttrValue": "list:ListValue=1 s:bytes=2 i:int=3 f:float=4 b:bool=5 type:int=6 shape:TensorShapeProto=7 tensor:TensorProto=8 "
        "placeholder:string=9 func:NameAttrList=10",
        "ListValue": "s:bytes*=2 i:int*=3 f:float*=4 b:bool*=5 type:int*=6 shape:TensorShapeProto*=7 tensor:TensorProto*=8 "
        "func:NameAttrList*=9",
        "NameAttrList": "name:string=1 attr:AttrValue%=2",
        "TensorShapeProto": "dim:Dim*=2 unknown_rank:bool=3",
        "Dim": "size:int=1",
        "TensorProto": "dtype:int=1 tensor_shape:TensorShapeProto=2 tensor_content:bytes=4 half_val:int*=13 float_val:float*=5 "
        "double_val:double*=6 int_val:int*=7 string_val:bytes*=8 scomplex_val:float*=9 int64_val:int*=10 bool_val:bool*=11 "
        "dcomplex_val:double*=12 uint32_val:int*=16 uint64_val:int*=17",
        "FunctionDefLibrary": "function:bytes*=1",  # many, of which few are needed: read by `library.py`
        "FunctionName": "signature:OpName=1",
        "OpName": "name:string=1",
        "FunctionDef": "signature:OpDef=1 node_def:NodeDef*=3 ret:string%=4 attr:AttrValue%=5",
        "OpDef": "name:string=1 input_arg:ArgDef*=2 output_arg:ArgDef*=3",
        "ArgDef": "name:string=1 type:int=3 type_attr:string=4 number_attr:string=5 type_list_attr:string=6",
        "SavedModel": "saved_model_schema_version:int=1 meta_graphs:MetaGraphDef*=2",
        "MetaGraphDef": "meta_info_def:MetaInfoDef=1 graph_def:GraphDef=2 saver_def:SaverDef=3 collection_def:CollectionDef%=4 "
        "signature_def:SignatureDef%=5 asset_file_def:AssetFileDef*=6",
        "MetaInfoDef": "tags:string*=4 tensorflow_version:string=5",
        "SaverDef": "filename_tensor_name:string=1 restore_op_name:string=3",
        "CollectionDef": "node_list:NodeList=1",
        "NodeList": "value:string*=1",
        "SignatureDef": "inputs:TensorInfo%=1 outputs:TensorInfo%=2 method_name:string=3",
        "TensorInfo": "name:string=1 dtype:int=2 tensor_shape:TensorShapeProto=3",
        "AssetFileDef": "tensor_info:TensorInfo=1 filename:string=2",
        "BundleHeaderProto": "num_shards:int=1 endianness:int=2",
        "BundleEntryProto": "dtype:int=1 shape:TensorShapeProto=2 shard_id:int=3 offset:int=4 size:int=5 crc32c:fixed32=6 slices:Slice*=7",
        "Slice": "extent:Dim*=1",
    }
)
