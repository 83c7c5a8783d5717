"""The schemas of `.tflite` files (identifier TFL3) and of the metadata in them (M001) as data, which drive the reader and the writer.

A table is written as its fields in id order, `name:type=default`, in the schema's own words. A trailing `!` marks a deprecated field,
whose slot is kept and never written. A vector ending in `@n` holds data: it is read in place as a numpy array, and its payload is aligned
to n bytes. `subgraph` is an index of a subgraph, which the reader turns into a position in `Operator.subgraphs`.
Sources: schema.fbs of LiteRT 2.3 (schema version 3), metadata_schema.fbs of MediaPipe (version 1.5.0).
"""

from collections.abc import KeysView
from dataclasses import FrozenInstanceError, field, make_dataclass
from functools import cache
from typing import Any, NamedTuple

#: Value names in order of value, starting from 0, and the scalar type that stores them.
ENUMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "TensorType": (
        "byte",
        tuple(
            """
            FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING BOOL INT16 COMPLEX64 INT8 FLOAT64 COMPLEX128 UINT64 RESOURCE VARIANT UINT32
            UINT16 INT4 BFLOAT16 INT2 UINT4 FLOAT8_E4M3FN FLOAT8_E5M2
            """.split()
        ),
    ),
    "DimensionType": ("byte", tuple("DENSE SPARSE_CSR".split())),
    "BuiltinOperator": (
        "int32",
        tuple(
            """
            ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
            FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM
            MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS
            SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND
            SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN
            EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2
            GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG
            SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
            UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
            SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE
            MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5
            SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO
            RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
            CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE
            RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX
            UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD
            STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
            STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS
            STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE
            STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH
            STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE
            STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE
            STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE
            STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
            """.split()
        ),
    ),
    "StablehloPrecisionConfig": ("uint", tuple("DEFAULT HIGH HIGHEST".split())),
    "StablehloComparisonDirection": (
        "uint",
        tuple(
            """
            STABLEHLO_COMPARISON_DIRECTION_EQ STABLEHLO_COMPARISON_DIRECTION_NE STABLEHLO_COMPARISON_DIRECTION_GE
            STABLEHLO_COMPARISON_DIRECTION_GT STABLEHLO_COMPARISON_DIRECTION_LE STABLEHLO_COMPARISON_DIRECTION_LT
            """.split()
        ),
    ),
    "StablehloComparisonType": (
        "uint",
        tuple(
            """
            STABLEHLO_COMPARISON_TYPE_NOTYPE STABLEHLO_COMPARISON_TYPE_FLOAT STABLEHLO_COMPARISON_TYPE_FLOAT_TOTAL_ORDER
            STABLEHLO_COMPARISON_TYPE_SIGNED STABLEHLO_COMPARISON_TYPE_UNSIGNED
            """.split()
        ),
    ),
    "RngAlgorithm": ("byte", tuple("DEFAULT PHILOX THREEFRY".split())),
    "Padding": ("byte", tuple("SAME VALID".split())),
    "ActivationFunctionType": ("byte", tuple("NONE RELU RELU_N1_TO_1 RELU6 TANH SIGN_BIT".split())),
    "LSHProjectionType": ("byte", tuple("UNKNOWN SPARSE DENSE".split())),
    "FullyConnectedOptionsWeightsFormat": ("byte", tuple("DEFAULT SHUFFLED4x16INT8".split())),
    "LSTMKernelType": ("byte", tuple("FULL BASIC".split())),
    "CombinerType": ("byte", tuple("SUM MEAN SQRTN".split())),
    "MirrorPadMode": ("byte", tuple("REFLECT SYMMETRIC".split())),
    "ReduceWindowFunction": ("int", tuple("UNSUPPORTED ADD MUL MINIMUM MAXIMUM ALL ANY".split())),
    "CustomOptionsFormat": ("byte", tuple("FLEXBUFFERS".split())),
    "AssociatedFileType": (
        "byte",
        tuple(
            """
            UNKNOWN DESCRIPTIONS TENSOR_AXIS_LABELS TENSOR_VALUE_LABELS TENSOR_AXIS_SCORE_CALIBRATION VOCABULARY SCANN_INDEX_FILE
            """.split()
        ),
    ),
    "ColorSpaceType": ("byte", tuple("UNKNOWN RGB GRAYSCALE".split())),
    "BoundingBoxType": ("byte", tuple("UNKNOWN BOUNDARIES UPPER_LEFT CENTER".split())),
    "CoordinateType": ("byte", tuple("RATIO PIXEL".split())),
    "ScoreTransformationType": ("byte", tuple("IDENTITY LOG INVERSE_LOGISTIC".split())),
}

#: Member tables in order of type code, starting from 1 (0 is NONE).
UNIONS: dict[str, tuple[str, ...]] = {
    "QuantizationDetails": tuple("CustomQuantization BlockwiseQuantization MultiAxisQuantization".split()),
    "SparseIndexVector": tuple("Int32Vector Uint16Vector Uint8Vector".split()),
    "BuiltinOptions": tuple(
        """
        Conv2DOptions DepthwiseConv2DOptions ConcatEmbeddingsOptions LSHProjectionOptions Pool2DOptions SVDFOptions RNNOptions
        FullyConnectedOptions SoftmaxOptions ConcatenationOptions AddOptions L2NormOptions LocalResponseNormalizationOptions
        LSTMOptions ResizeBilinearOptions CallOptions ReshapeOptions SkipGramOptions SpaceToDepthOptions
        EmbeddingLookupSparseOptions MulOptions PadOptions GatherOptions BatchToSpaceNDOptions SpaceToBatchNDOptions
        TransposeOptions ReducerOptions SubOptions DivOptions SqueezeOptions SequenceRNNOptions StridedSliceOptions ExpOptions
        TopKV2Options SplitOptions LogSoftmaxOptions CastOptions DequantizeOptions MaximumMinimumOptions ArgMaxOptions LessOptions
        NegOptions PadV2Options GreaterOptions GreaterEqualOptions LessEqualOptions SelectOptions SliceOptions
        TransposeConvOptions SparseToDenseOptions TileOptions ExpandDimsOptions EqualOptions NotEqualOptions ShapeOptions
        PowOptions ArgMinOptions FakeQuantOptions PackOptions LogicalOrOptions OneHotOptions LogicalAndOptions LogicalNotOptions
        UnpackOptions FloorDivOptions SquareOptions ZerosLikeOptions FillOptions BidirectionalSequenceLSTMOptions
        BidirectionalSequenceRNNOptions UnidirectionalSequenceLSTMOptions FloorModOptions RangeOptions
        ResizeNearestNeighborOptions LeakyReluOptions SquaredDifferenceOptions MirrorPadOptions AbsOptions SplitVOptions
        UniqueOptions ReverseV2Options AddNOptions GatherNdOptions CosOptions WhereOptions RankOptions ReverseSequenceOptions
        MatrixDiagOptions QuantizeOptions MatrixSetDiagOptions HardSwishOptions IfOptions WhileOptions DepthToSpaceOptions
        NonMaxSuppressionV4Options NonMaxSuppressionV5Options ScatterNdOptions SelectV2Options DensifyOptions SegmentSumOptions
        BatchMatMulOptions CumsumOptions CallOnceOptions BroadcastToOptions Rfft2dOptions Conv3DOptions HashtableOptions
        HashtableFindOptions HashtableImportOptions HashtableSizeOptions VarHandleOptions ReadVariableOptions
        AssignVariableOptions RandomOptions BucketizeOptions GeluOptions DynamicUpdateSliceOptions UnsortedSegmentProdOptions
        UnsortedSegmentMaxOptions UnsortedSegmentMinOptions UnsortedSegmentSumOptions ATan2Options SignOptions BitcastOptions
        BitwiseXorOptions RightShiftOptions
        """.split()
    ),
    "BuiltinOptions2": tuple(
        """
        StablehloConcatenateOptions StablehloBroadcastInDimOptions StablehloSliceOptions StablehloConvolutionOptions
        StablehloCustomCallOptions StablehloReduceOptions StablehloScatterOptions StablehloCompareOptions
        StablehloDynamicSliceOptions StablehloPadOptions StablehloIotaOptions StablehloDotGeneralOptions
        StablehloReduceWindowOptions StablehloSortOptions StablehloWhileOptions StablehloGatherOptions StablehloTransposeOptions
        DilateOptions StablehloRngBitGeneratorOptions ReduceWindowOptions StableHLOCompositeOptions StablehloShiftLeftOptions
        StablehloCaseOptions
        """.split()
    ),
    "ContentProperties": tuple("FeatureProperties ImageProperties BoundingBoxProperties AudioProperties".split()),
    "ProcessUnitOptions": tuple(
        """
        NormalizationOptions ScoreCalibrationOptions ScoreThresholdingOptions BertTokenizerOptions SentencePieceTokenizerOptions
        RegexTokenizerOptions
        """.split()
    ),
}

TABLES: dict[str, str] = {
    "CustomQuantization": "custom:[ubyte]@16",
    "BlockwiseQuantization": "scales:int zero_points:int block_size:int",
    "MultiAxisQuantization": "scales:int zero_points:int block_size:int quantized_dimensions:[int]",
    "QuantizationParameters": """
        min:[float]@4 max:[float]@4 scale:[float]@4 zero_point:[long]@8 details:QuantizationDetails quantized_dimension:int
    """,
    "Int32Vector": "values:[int]@4",
    "Uint16Vector": "values:[ushort]@4",
    "Uint8Vector": "values:[ubyte]@4",
    "DimensionMetadata": "format:DimensionType dense_size:int array_segments:SparseIndexVector array_indices:SparseIndexVector",
    "SparsityParameters": "traversal_order:[int] block_map:[int] dim_metadata:[DimensionMetadata]",
    "VariantSubType": "shape:[int] type:TensorType has_rank:bool=false",
    "Tensor": """
        shape:[int] type:TensorType buffer:uint name:string quantization:QuantizationParameters is_variable:bool=false
        sparsity:SparsityParameters shape_signature:[int] has_rank:bool=false variant_tensors:[VariantSubType] external_buffer:uint
    """,
    "StablehloGatherOptions": """
        offset_dims:[long] collapsed_slice_dims:[long] start_index_map:[long] index_vector_dim:long slice_sizes:[long]
        indices_are_sorted:bool
    """,
    "StablehloTransposeOptions": "permutation:[long]",
    "StablehloDotGeneralOptions": """
        lhs_batching_dimensions:[long] rhs_batching_dimensions:[long] lhs_contracting_dimensions:[long]
        rhs_contracting_dimensions:[long] precision_config:[StablehloPrecisionConfig]
    """,
    "StablehloReduceWindowOptions": """
        window_dimensions:[long] window_strides:[long] base_dilations:[long] window_dilations:[long] padding:[long]
        body_subgraph_index:subgraph
    """,
    "StablehloWhileOptions": "cond_subgraph_index:subgraph body_subgraph_index:subgraph",
    "StablehloSortOptions": "dimension:long is_stable:bool comparator_subgraph_index:subgraph",
    "StablehloConcatenateOptions": "dimension:long",
    "StablehloBroadcastInDimOptions": "broadcast_dimensions:[long]",
    "StablehloCompareOptions": "comparison_direction:StablehloComparisonDirection compare_type:StablehloComparisonType",
    "StablehloDynamicSliceOptions": "slice_sizes:[long]",
    "StablehloPadOptions": "edge_padding_low:[long] edge_padding_high:[long] interior_padding:[long]",
    "StablehloIotaOptions": "iota_dimension:long",
    "StablehloCustomCallOptions": """
        call_target_name:string has_side_effect:bool backend_config:string api_version:int called_computations:[subgraph]
        custom_attributes:[ubyte]
    """,
    "StablehloReduceOptions": "dimensions:[long] body_subgraph_index:subgraph",
    "StablehloSliceOptions": "start_indices:[long] limit_indices:[long] strides:[long]",
    "StablehloConvolutionOptions": """
        window_strides:[long] padding:[long] lhs_dilation:[long] rhs_dilation:[long] window_reversal:[bool] input_batch_dimension:long
        input_feature_dimension:long input_spatial_dimensions:[long] kernel_input_feature_dimension:long
        kernel_output_feature_dimension:long kernel_spatial_dimensions:[long] output_batch_dimension:long
        output_feature_dimension:long output_spatial_dimensions:[long] feature_group_count:long batch_group_count:long
        precision_config:[StablehloPrecisionConfig]
    """,
    "StablehloScatterOptions": """
        indices_are_sorted:bool update_window_dims:[long] inserted_window_dims:[long] scatter_dims_to_operand_dims:[long]
        index_vector_dim:long unique_indices:bool update_computation_subgraph_index:subgraph
    """,
    "StablehloCaseOptions": "branch_subgraph_indices:[subgraph]",
    "StablehloRngBitGeneratorOptions": "algorithm:RngAlgorithm",
    "Conv2DOptions": """
        padding:Padding stride_w:int stride_h:int fused_activation_function:ActivationFunctionType dilation_w_factor:int=1
        dilation_h_factor:int=1 quantized_bias_type:TensorType
    """,
    "Conv3DOptions": """
        padding:Padding stride_d:int stride_w:int stride_h:int fused_activation_function:ActivationFunctionType
        dilation_d_factor:int=1 dilation_w_factor:int=1 dilation_h_factor:int=1
    """,
    "Pool2DOptions": """
        padding:Padding stride_w:int stride_h:int filter_width:int filter_height:int fused_activation_function:ActivationFunctionType
    """,
    "DepthwiseConv2DOptions": """
        padding:Padding stride_w:int stride_h:int depth_multiplier:int fused_activation_function:ActivationFunctionType
        dilation_w_factor:int=1 dilation_h_factor:int=1
    """,
    "ConcatEmbeddingsOptions": "num_channels:int num_columns_per_channel:[int] embedding_dim_per_channel:[int]",
    "LSHProjectionOptions": "type:LSHProjectionType",
    "SVDFOptions": "rank:int fused_activation_function:ActivationFunctionType asymmetric_quantize_inputs:bool",
    "RNNOptions": "fused_activation_function:ActivationFunctionType asymmetric_quantize_inputs:bool",
    "SequenceRNNOptions": "time_major:bool fused_activation_function:ActivationFunctionType asymmetric_quantize_inputs:bool",
    "BidirectionalSequenceRNNOptions": """
        time_major:bool fused_activation_function:ActivationFunctionType merge_outputs:bool asymmetric_quantize_inputs:bool
    """,
    "FullyConnectedOptions": """
        fused_activation_function:ActivationFunctionType weights_format:FullyConnectedOptionsWeightsFormat=DEFAULT keep_num_dims:bool
        asymmetric_quantize_inputs:bool quantized_bias_type:TensorType
    """,
    "SoftmaxOptions": "beta:float",
    "ConcatenationOptions": "axis:int fused_activation_function:ActivationFunctionType",
    "AddOptions": "fused_activation_function:ActivationFunctionType pot_scale_int16:bool=true",
    "MulOptions": "fused_activation_function:ActivationFunctionType",
    "L2NormOptions": "fused_activation_function:ActivationFunctionType",
    "LocalResponseNormalizationOptions": "radius:int bias:float alpha:float beta:float",
    "LSTMOptions": """
        fused_activation_function:ActivationFunctionType cell_clip:float proj_clip:float kernel_type:LSTMKernelType=FULL
        asymmetric_quantize_inputs:bool
    """,
    "UnidirectionalSequenceLSTMOptions": """
        fused_activation_function:ActivationFunctionType cell_clip:float proj_clip:float time_major:bool
        asymmetric_quantize_inputs:bool diagonal_recurrent_tensors:bool
    """,
    "BidirectionalSequenceLSTMOptions": """
        fused_activation_function:ActivationFunctionType cell_clip:float proj_clip:float merge_outputs:bool time_major:bool=true
        asymmetric_quantize_inputs:bool
    """,
    "ResizeBilinearOptions": "new_height:int! new_width:int! align_corners:bool half_pixel_centers:bool",
    "ResizeNearestNeighborOptions": "align_corners:bool half_pixel_centers:bool",
    "CallOptions": "subgraph:subgraph",
    "PadOptions": "",
    "PadV2Options": "",
    "ReshapeOptions": "new_shape:[int]",
    "SpaceToBatchNDOptions": "",
    "BatchToSpaceNDOptions": "",
    "SkipGramOptions": "ngram_size:int max_skip_size:int include_all_ngrams:bool",
    "SpaceToDepthOptions": "block_size:int",
    "DepthToSpaceOptions": "block_size:int",
    "SubOptions": "fused_activation_function:ActivationFunctionType pot_scale_int16:bool=true",
    "DivOptions": "fused_activation_function:ActivationFunctionType",
    "TopKV2Options": "",
    "EmbeddingLookupSparseOptions": "combiner:CombinerType",
    "GatherOptions": "axis:int batch_dims:int=0",
    "TransposeOptions": "",
    "ExpOptions": "",
    "CosOptions": "",
    "ReducerOptions": "keep_dims:bool",
    "SqueezeOptions": "squeeze_dims:[int]",
    "SplitOptions": "num_splits:int",
    "SplitVOptions": "num_splits:int",
    "StridedSliceOptions": "begin_mask:int end_mask:int ellipsis_mask:int new_axis_mask:int shrink_axis_mask:int offset:bool",
    "LogSoftmaxOptions": "",
    "CastOptions": "in_data_type:TensorType out_data_type:TensorType",
    "DequantizeOptions": "",
    "MaximumMinimumOptions": "",
    "TileOptions": "",
    "ArgMaxOptions": "output_type:TensorType",
    "ArgMinOptions": "output_type:TensorType",
    "GreaterOptions": "",
    "GreaterEqualOptions": "",
    "LessOptions": "",
    "LessEqualOptions": "",
    "NegOptions": "",
    "SelectOptions": "",
    "SliceOptions": "",
    "TransposeConvOptions": """
        padding:Padding stride_w:int stride_h:int fused_activation_function:ActivationFunctionType=NONE quantized_bias_type:TensorType
    """,
    "ExpandDimsOptions": "",
    "SparseToDenseOptions": "validate_indices:bool",
    "EqualOptions": "",
    "NotEqualOptions": "",
    "ShapeOptions": "out_type:TensorType",
    "RankOptions": "",
    "PowOptions": "",
    "FakeQuantOptions": "min:float max:float num_bits:int narrow_range:bool",
    "PackOptions": "values_count:int axis:int",
    "LogicalOrOptions": "",
    "OneHotOptions": "axis:int",
    "AbsOptions": "",
    "HardSwishOptions": "",
    "LogicalAndOptions": "",
    "LogicalNotOptions": "",
    "UnpackOptions": "num:int axis:int",
    "FloorDivOptions": "",
    "SquareOptions": "",
    "ZerosLikeOptions": "",
    "FillOptions": "",
    "FloorModOptions": "",
    "RangeOptions": "",
    "LeakyReluOptions": "alpha:float",
    "SquaredDifferenceOptions": "",
    "MirrorPadOptions": "mode:MirrorPadMode",
    "UniqueOptions": "idx_out_type:TensorType=INT32",
    "ReverseV2Options": "",
    "AddNOptions": "",
    "GatherNdOptions": "",
    "WhereOptions": "",
    "ReverseSequenceOptions": "seq_dim:int batch_dim:int=0",
    "MatrixDiagOptions": "",
    "QuantizeOptions": "",
    "MatrixSetDiagOptions": "",
    "IfOptions": "then_subgraph_index:subgraph else_subgraph_index:subgraph",
    "CallOnceOptions": "init_subgraph_index:subgraph",
    "WhileOptions": "cond_subgraph_index:subgraph body_subgraph_index:subgraph",
    "NonMaxSuppressionV4Options": "",
    "NonMaxSuppressionV5Options": "",
    "ScatterNdOptions": "",
    "SelectV2Options": "",
    "DensifyOptions": "",
    "SegmentSumOptions": "",
    "BatchMatMulOptions": "adj_x:bool adj_y:bool asymmetric_quantize_inputs:bool",
    "CumsumOptions": "exclusive:bool reverse:bool",
    "BroadcastToOptions": "",
    "Rfft2dOptions": "",
    "HashtableOptions": "table_id:int key_dtype:TensorType value_dtype:TensorType",
    "HashtableFindOptions": "",
    "HashtableImportOptions": "",
    "HashtableSizeOptions": "",
    "VarHandleOptions": "container:string shared_name:string",
    "ReadVariableOptions": "",
    "AssignVariableOptions": "",
    "RandomOptions": "seed:long seed2:long",
    "BucketizeOptions": "boundaries:[float]",
    "GeluOptions": "approximate:bool",
    "DynamicUpdateSliceOptions": "",
    "UnsortedSegmentProdOptions": "",
    "UnsortedSegmentMaxOptions": "",
    "UnsortedSegmentSumOptions": "",
    "ATan2Options": "",
    "UnsortedSegmentMinOptions": "",
    "SignOptions": "",
    "BitcastOptions": "",
    "BitwiseXorOptions": "",
    "RightShiftOptions": "",
    "DilateOptions": "",
    "ReduceWindowOptions": "reduce_function:ReduceWindowFunction",
    "OperatorCode": "deprecated_builtin_code:byte custom_code:string version:int=1 builtin_code:BuiltinOperator",
    "StableHLOCompositeOptions": """
        name:string decomposition_subgraph_index:subgraph composite_attributes:[ubyte] composite_attributes_format:CustomOptionsFormat
        version:int32
    """,
    "StablehloShiftLeftOptions": "",
    "Operator": """
        opcode_index:uint inputs:[int] outputs:[int] builtin_options:BuiltinOptions custom_options:[ubyte]
        custom_options_format:CustomOptionsFormat mutating_variable_inputs:[bool] intermediates:[int]
        large_custom_options_offset:ulong large_custom_options_size:ulong builtin_options_2:BuiltinOptions2 debug_metadata_index:int=-1
    """,
    "SubGraph": "tensors:[Tensor] inputs:[int] outputs:[int] operators:[Operator] name:string debug_metadata_index:int=-1",
    "Buffer": "data:[ubyte]@16 offset:ulong size:ulong",
    "ExternalBufferGroup": "name:string",
    "ExternalBuffer": "id:uint group:uint offset:ulong length:ulong packing:string",
    "Metadata": "name:string buffer:uint",
    "TensorMap": "name:string tensor_index:uint",
    "SignatureDef": "inputs:[TensorMap] outputs:[TensorMap] signature_key:string deprecated_tag:string! subgraph_index:uint",
    "Model": """
        version:uint operator_codes:[OperatorCode] subgraphs:[SubGraph] description:string buffers:[Buffer] metadata_buffer:[int]!
        metadata:[Metadata] signature_defs:[SignatureDef] external_buffer_groups:[ExternalBufferGroup]
        external_buffers:[ExternalBuffer]
    """,
    "AssociatedFile": "name:string description:string type:AssociatedFileType locale:string version:string",
    "FeatureProperties": "",
    "ImageSize": "width:uint height:uint",
    "ImageProperties": "color_space:ColorSpaceType default_size:ImageSize",
    "AudioProperties": "sample_rate:uint channels:uint",
    "BoundingBoxProperties": "index:[uint] type:BoundingBoxType coordinate_type:CoordinateType",
    "ValueRange": "min:int max:int",
    "Content": "content_properties:ContentProperties range:ValueRange",
    "NormalizationOptions": "mean:[float] std:[float]",
    "ScoreCalibrationOptions": "score_transformation:ScoreTransformationType default_score:float",
    "ScoreThresholdingOptions": "global_score_threshold:float",
    "BertTokenizerOptions": "vocab_file:[AssociatedFile]",
    "SentencePieceTokenizerOptions": "sentencePiece_model:[AssociatedFile] vocab_file:[AssociatedFile]",
    "RegexTokenizerOptions": "delim_regex_pattern:string vocab_file:[AssociatedFile]",
    "ProcessUnit": "options:ProcessUnitOptions",
    "Stats": "max:[float] min:[float]",
    "TensorGroup": "name:string tensor_names:[string]",
    "TensorMetadata": """
        name:string description:string dimension_names:[string] content:Content process_units:[ProcessUnit] stats:Stats
        associated_files:[AssociatedFile]
    """,
    "CustomMetadata": "name:string data:[ubyte]@16",
    "SubGraphMetadata": """
        name:string description:string input_tensor_metadata:[TensorMetadata] output_tensor_metadata:[TensorMetadata]
        associated_files:[AssociatedFile] input_process_units:[ProcessUnit] output_process_units:[ProcessUnit]
        input_tensor_groups:[TensorGroup] output_tensor_groups:[TensorGroup] custom_metadata:[CustomMetadata]
    """,
    "ModelMetadata": """
        name:string description:string version:string subgraph_metadata:[SubGraphMetadata] author:string license:string
        associated_files:[AssociatedFile] min_parser_version:string
    """,
}

SCALARS = {
    "bool": "?",
    "byte": "b",
    "ubyte": "B",
    "short": "h",
    "ushort": "H",
    "int": "i",
    "int32": "i",
    "subgraph": "i",
    "uint": "I",
    "long": "q",
    "ulong": "Q",
    "float": "f",
}
"""The `struct` format character of each scalar type."""


class Field(NamedTuple):
    """One field of a table.

    kind: scalar, enum, string, table or union.
    slot: its place in the table's layout; a union's type takes the one before.
    align: for a vector of data, the alignment of its payload; else 0.
    """

    name: str
    type: str
    kind: str
    is_vector: bool
    default: Any
    slot: int
    deprecated: bool
    align: int


def _kind(type_name: str) -> str:
    if type_name in SCALARS:
        return "scalar"
    if type_name in ENUMS:
        return "enum"
    if type_name in UNIONS:
        return "union"
    return "string" if type_name == "string" else "table"


def _default(kind: str, type_name: str, is_vector: bool, is_data: bool, text: str) -> Any:
    if is_vector:
        return None if is_data else b"" if type_name == "ubyte" else ()
    if kind == "enum":
        return text or ENUMS[type_name][1][0]
    if kind == "string":
        return ""
    if kind != "scalar":
        return None
    if type_name == "bool":
        return text == "true"
    return float(text or 0) if type_name in ("float", "double") else int(text or 0)


@cache
def fields(table: str) -> tuple[Field, ...]:
    """The fields of `table` in id order."""
    result = []
    slot = 0
    for declaration in TABLES[table].split():
        name, _, rest = declaration.partition(":")
        deprecated = rest.endswith("!")
        rest, _, align = rest.rstrip("!").partition("@")
        type_name, _, text = rest.partition("=")
        is_vector = type_name.startswith("[")
        type_name = type_name.strip("[]")
        kind = _kind(type_name)
        if kind == "union":
            slot += 1  # the hidden `name_type` field precedes it
        default = _default(kind, type_name, is_vector, bool(align), text)
        result.append(Field(name, type_name, kind, is_vector, default, slot, deprecated, int(align or 0)))
        slot += 1
    return tuple(result)


@cache
def subgraph_fields(table: str) -> tuple[Field, ...]:
    """The fields that are indices of subgraphs."""
    return tuple(f for f in fields(table) if f.type == "subgraph")


@cache
def enum_values(enum: str) -> dict[str, int]:
    """Value by name."""
    return {name: value for value, name in enumerate(ENUMS[enum][1])}


class Record:
    """What all records share. A frozen dataclass would bring the same, compiled anew for each table, in several times the time.

    Only what differs from the defaults is stored; the defaults are attributes of the class.
    """

    def __init__(self, **values: Any):
        if unknown := values.keys() - self._names():
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to {name!r} of a {type(self).__name__}; make another with dataclasses.replace")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self._names())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(self) is type(other) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _names(self) -> KeysView[str]:
        return self.__dataclass_fields__.keys()  # type: ignore[attr-defined]

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._names())


@cache
def record_class(table: str) -> type:
    """A frozen dataclass with the fields and defaults of a table; fields are given by name.

    Enums are their names, vectors tuples, `[ubyte]` bytes; vectors of data are numpy arrays, or None where the table has none.
    """
    members = [(f.name, Any, field(default=f.default)) for f in fields(table) if not f.deprecated]
    # A docstring of its own, else dataclasses would write one from the signature, which takes longer than all the rest.
    names = {"__module__": __name__, "__doc__": f"A record of the table {table}."}
    return make_dataclass(table, members, bases=(Record,), init=False, repr=False, eq=False, match_args=False, namespace=names)


#: The class of an operator's options is that of its table.
options_class = record_class
