"""The models of tools/make_keras_fixtures.py."""

from collections.abc import Callable
from typing import Any

import keras
from keras import Input, Model, layers, ops

Make = Callable[[], Any]


def cases(model_of: Callable[..., Any]) -> dict[str, Make]:
    """Name to function, family by family."""
    found: dict[str, Make] = {}
    for family in (
        core,
        conv,
        pooling,
        normalization,
        recurrent,
        attention,
        reshaping,
        merging,
        activation,
        preprocessing,
        graphs,
        operations,
    ):
        for name, make in family(model_of).items():
            found[f"{family.__name__}/{name}"] = make
    return found


def core(m: Callable[..., Any]) -> dict[str, Make]:
    return {
        "dense": lambda: m((5,), layers.Dense(4, activation="relu")),
        "dense_rank_3_no_bias": lambda: m((3, 5), layers.Dense(4, use_bias=False, activation="tanh")),
        "einsum_dense": lambda: m((3, 4), layers.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")),
        "einsum_dense_heads": lambda: m((3, 4), layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 5), bias_axes="de")),
        "einsum_dense_over_two": lambda: m((3, 4, 2), layers.EinsumDense("abcd,cde->abe", output_shape=(None, 5))),
        "einsum_dense_shared": lambda: m((3, 4), layers.EinsumDense("abc,bcd->abd", output_shape=(3, 5), activation="relu")),
        "einsum_dense_ellipsis": lambda: m((3, 2, 4), layers.EinsumDense("...x,xy->...y", output_shape=5, bias_axes="y")),
        "embedding": lambda: m((6,), layers.Embedding(5, 3), dtype="int32"),
        "embedding_of_floats": lambda: m((6,), layers.Rescaling(0.0, 2.0), layers.Embedding(5, 3)),
        "embedding_mean_masked": lambda: m((6,), layers.Embedding(5, 3, mask_zero=True), layers.GlobalAveragePooling1D(), dtype="int32"),
        "reversible_embedding": reversible_embedding,
        "masking": lambda: m((4, 3), layers.ReLU(), layers.Masking(), layers.LSTM(3)),
        "dropouts": lambda: m(
            (4, 3), layers.Dropout(0.5), layers.SpatialDropout1D(0.5), layers.Reshape((2, 2, 3)), layers.SpatialDropout2D(0.5),
            layers.Reshape((2, 2, 3, 1)), layers.SpatialDropout3D(0.5), layers.Reshape((4, 3)), layers.GaussianNoise(1.0),
            layers.GaussianDropout(0.5), layers.AlphaDropout(0.5), layers.ActivityRegularization(0.1), layers.Identity(), layers.Dense(2),
        ),
    }  # fmt: skip


def reversible_embedding() -> Any:
    layer = layers.ReversibleEmbedding(5, 3, logit_soft_cap=2.0)
    x = Input((6,), dtype="int32")
    return Model(x, layer(layers.Dense(3)(layer(x)), reverse=True))


def conv(m: Callable[..., Any]) -> dict[str, Make]:
    first = {"data_format": "channels_first"}
    return {
        "conv1d": lambda: m((9, 3), layers.Conv1D(4, 3, strides=2, activation="relu6")),
        "conv1d_causal": lambda: m((9, 3), layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="silu")),
        "conv1d_same": lambda: m((9, 3), layers.Conv1D(4, 4, padding="same", strides=2, use_bias=False)),
        "conv1d_open_steps": lambda: m((None, 3), layers.Conv1D(4, 3)),
        "conv1d_groups": lambda: m((9, 4), layers.Conv1D(6, 3, groups=2)),
        "conv2d": lambda: m((7, 6, 3), layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same", activation="relu")),
        "conv2d_dilated": lambda: m((7, 6, 3), layers.Conv2D(4, 3, dilation_rate=(2, 1), activation="gelu")),
        "conv2d_groups": lambda: m((7, 6, 4), layers.Conv2D(6, 3, groups=2, padding="same")),
        "conv2d_groups_of_one": lambda: m((7, 6, 3), layers.Conv2D(6, 3, groups=3)),
        "conv2d_open": lambda: m((None, None, 3), layers.Conv2D(4, 3, padding="same"), layers.GlobalAveragePooling2D()),
        "conv2d_open_valid": lambda: m((None, None, 3), layers.Conv2D(4, 3), layers.Conv2D(2, 3)),
        "conv2d_channels_first": lambda: m((3, 7, 6), layers.Conv2D(4, 3, strides=2, **first)),
        "conv3d": lambda: m((5, 6, 4, 2), layers.Conv3D(3, (2, 3, 2), strides=(2, 1, 1), padding="same", activation="tanh")),
        "conv3d_groups": lambda: m((5, 6, 4, 2), layers.Conv3D(4, 2, groups=2)),
        "conv3d_channels_first": lambda: m((2, 5, 6, 4), layers.Conv3D(3, 2, **first)),
        "depthwise1d": lambda: m((9, 3), layers.DepthwiseConv1D(3, depth_multiplier=2, padding="same", strides=2)),
        "depthwise2d": lambda: m((7, 6, 3), layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same", activation="relu")),
        "depthwise2d_dilated": lambda: m((7, 6, 3), layers.DepthwiseConv2D((3, 2), dilation_rate=2, use_bias=False)),
        "separable1d": lambda: m((9, 3), layers.SeparableConv1D(4, 3, depth_multiplier=2, strides=2, padding="same", activation="relu")),
        "separable2d": lambda: m((7, 6, 3), layers.SeparableConv2D(4, 3, depth_multiplier=2, use_bias=False, activation="elu")),
        "separable2d_channels_first": lambda: m((3, 7, 6), layers.SeparableConv2D(4, 3, padding="same", **first)),
        "transpose1d": lambda: m((5, 3), layers.Conv1DTranspose(4, 3, strides=2, padding="same", activation="relu")),
        "transpose1d_valid": lambda: m((5, 3), layers.Conv1DTranspose(4, 3, strides=2)),
        "transpose2d": lambda: m((4, 5, 3), layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")),
        "transpose2d_valid": lambda: m((4, 5, 3), layers.Conv2DTranspose(4, (2, 3), strides=(3, 1), use_bias=False)),
        "transpose2d_dilated": lambda: m((4, 5, 3), layers.Conv2DTranspose(4, 3, dilation_rate=2, activation="tanh")),
        "transpose2d_channels_first": lambda: m((3, 4, 5), layers.Conv2DTranspose(4, 3, strides=2, **first)),
        "transpose3d": lambda: m((3, 4, 2, 2), layers.Conv3DTranspose(3, 3, strides=2, padding="same", activation="relu")),
    }


def pooling(m: Callable[..., Any]) -> dict[str, Make]:
    first = {"data_format": "channels_first"}
    return {
        "max1d": lambda: m((9, 3), layers.MaxPooling1D(3, strides=2, padding="same")),
        "average1d": lambda: m((9, 3), layers.AveragePooling1D(2)),
        "max2d": lambda: m((7, 6, 3), layers.MaxPooling2D((2, 3), padding="same")),
        "average2d": lambda: m((7, 6, 3), layers.AveragePooling2D(3, strides=2, padding="same")),
        "max2d_channels_first": lambda: m((3, 7, 6), layers.MaxPooling2D(2, **first)),
        "max3d": lambda: m((5, 6, 4, 2), layers.MaxPooling3D(2, padding="same")),
        "average3d": lambda: m((5, 6, 4, 2), layers.AveragePooling3D((3, 2, 3), strides=(2, 2, 1), padding="same")),
        "average3d_valid": lambda: m((5, 6, 4, 2), layers.AveragePooling3D(2)),
        "global_average1d": lambda: m((5, 3), layers.GlobalAveragePooling1D()),
        "global_max1d": lambda: m((5, 3), layers.GlobalMaxPooling1D(keepdims=True)),
        "global_average2d": lambda: m((5, 4, 3), layers.GlobalAveragePooling2D(keepdims=True)),
        "global_max2d_channels_first": lambda: m((3, 5, 4), layers.GlobalMaxPooling2D(**first)),
        "global_average3d": lambda: m((5, 4, 3, 2), layers.GlobalAveragePooling3D()),
        "global_max3d": lambda: m((5, 4, 3, 2), layers.GlobalMaxPooling3D()),
        "adaptive_average1d": lambda: m((7, 3), layers.AdaptiveAveragePooling1D(3)),
        "adaptive_average2d": lambda: m((7, 6, 3), layers.AdaptiveAveragePooling2D((3, 2))),
        "adaptive_average3d": lambda: m((5, 6, 4, 2), layers.AdaptiveAveragePooling3D((2, 3, 4))),
        "adaptive_max1d": lambda: m((7, 3), layers.AdaptiveMaxPooling1D(2)),
        "adaptive_max2d": lambda: m((7, 6, 3), layers.AdaptiveMaxPooling2D((4, 3))),
        "adaptive_max3d": lambda: m((5, 6, 4, 2), layers.AdaptiveMaxPooling3D(2)),
    }


def normalization(m: Callable[..., Any]) -> dict[str, Make]:
    return {
        "batch": lambda: m((5, 4, 3), layers.BatchNormalization()),
        "batch_plain": lambda: m((5, 4, 3), layers.BatchNormalization(center=False, scale=False, epsilon=0.1)),
        "batch_axis": lambda: m((3, 5, 4), layers.BatchNormalization(axis=1)),
        "layer": lambda: m((5, 4), layers.LayerNormalization()),
        "layer_axes": lambda: m((5, 4, 3), layers.LayerNormalization(axis=[1, 2], epsilon=0.01)),
        "layer_plain": lambda: m((5, 4), layers.LayerNormalization(center=False, scale=False)),
        "layer_rms": lambda: m((5, 4), layers.LayerNormalization(rms_scaling=True)),
        "group": lambda: m((5, 4, 6), layers.GroupNormalization(3)),
        "group_first": lambda: m((6, 5, 4), layers.GroupNormalization(2, axis=1)),
        "group_of_one": lambda: m((5, 4, 6), layers.GroupNormalization(-1, scale=False)),
        "unit": lambda: m((5, 4), layers.UnitNormalization()),
        "unit_axes": lambda: m((5, 4), layers.UnitNormalization(axis=[1, 2])),
        "rms": lambda: m((5, 4), layers.RMSNormalization()),
        "spectral": lambda: m((5, 4, 3), layers.SpectralNormalization(layers.Conv2D(4, 3))),
    }


def recurrent(m: Callable[..., Any]) -> dict[str, Make]:
    found: dict[str, Make] = {}
    for name, kind in (("lstm", layers.LSTM), ("gru", layers.GRU), ("rnn", layers.SimpleRNN)):
        found |= {f"{name}{suffix}": make for suffix, make in recurrent_kind(m, kind).items()}
    cells = [layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell]
    return found | {
        "gru_reset_before": lambda: m((5, 4), layers.GRU(3, reset_after=False, return_sequences=True)),
        "lstm_hard_sigmoid": lambda: m((5, 4), layers.LSTM(3, recurrent_activation="hard_sigmoid")),
        "bidirectional_masked": lambda: m(
            (6,), layers.Embedding(5, 4, mask_zero=True), layers.Bidirectional(layers.GRU(3, return_sequences=True)), dtype="int32"
        ),
        "bidirectional_apart": lambda: m((5, 4), layers.Bidirectional(layers.LSTM(3, return_state=True), merge_mode=None)),
        "bidirectional_two_kinds": lambda: m(
            (5, 4), layers.Bidirectional(layers.LSTM(3), backward_layer=layers.GRU(3, go_backwards=True), merge_mode="mul")
        ),
        "rnn_of_cell": lambda: m((5, 4), layers.RNN(layers.GRUCell(3), return_sequences=True)),
        "stacked_cells": lambda: m((5, 4), layers.RNN([cell(3) for cell in cells], return_sequences=True, return_state=True)),
        "stacked_alike": lambda: m((5, 4), layers.RNN([layers.LSTMCell(3), layers.LSTMCell(2)])),
        "conv_lstm1d": lambda: m((4, 6, 2), layers.ConvLSTM1D(3, 3, return_sequences=True)),
        "conv_lstm2d": lambda: m((4, 5, 6, 2), layers.ConvLSTM2D(3, 3, padding="same", strides=2)),
        "conv_lstm3d": lambda: m((3, 4, 4, 3, 2), layers.ConvLSTM3D(2, 2, use_bias=False)),
        "time_distributed_dense": lambda: m((5, 4), layers.TimeDistributed(layers.Dense(3, activation="relu"))),
        "time_distributed_conv": lambda: m(
            (3, 6, 5, 2), layers.TimeDistributed(layers.Conv2D(3, 3)), layers.TimeDistributed(layers.Flatten())
        ),
        "encoder_decoder": encoder_decoder,
    }


def recurrent_kind(m: Callable[..., Any], kind: Any) -> dict[str, Make]:
    def masked(*more: Any) -> Any:
        return m((6,), layers.Embedding(5, 4, mask_zero=True), *more, dtype="int32")

    return {
        "": lambda: m((5, 4), kind(3)),
        "_sequences": lambda: m((5, 4), kind(3, return_sequences=True)),
        "_backwards_no_bias": lambda: m((5, 4), kind(3, return_sequences=True, go_backwards=True, use_bias=False)),
        "_states": lambda: m((5, 4), kind(3, return_sequences=True, return_state=True)),
        "_masked": lambda: masked(kind(3)),
        "_masked_sequences": lambda: masked(kind(3, return_sequences=True), kind(2)),
        "_masked_zero": lambda: masked(kind(3, return_sequences=True, zero_output_for_mask=True)),
        "_relu": lambda: m((5, 4), kind(3, activation="relu")),
        "_open_steps": lambda: m((None, 4), kind(3, return_sequences=True)),
        "_bidirectional": lambda: m((5, 4), layers.Bidirectional(kind(3, return_sequences=True))),
        "_bidirectional_last": lambda: m((5, 4), layers.Bidirectional(kind(3), merge_mode="ave")),
        "_initial": lambda: initial_state(kind),
    }


def initial_state(kind: Any) -> Any:
    x, seeds = Input((5, 4)), Input((3,))
    states = [seeds, layers.Dense(3)(seeds)] if kind is layers.LSTM else [seeds]
    return Model([x, seeds], kind(3)(x, initial_state=states))


def encoder_decoder() -> Any:
    source, target = Input((5, 4)), Input((6, 4))
    _, *states = layers.LSTM(3, return_state=True)(source)
    return Model([source, target], layers.LSTM(3, return_sequences=True)(target, initial_state=states))


def attention(m: Callable[..., Any]) -> dict[str, Make]:
    def pair(make: Callable[..., Any], *more: Any) -> Any:
        query, value = Input((5, 4)), Input((6, 4))
        inputs = [query, value, *(Input(s, dtype=d) for s, d in more)]
        return Model(inputs, make(*inputs))

    def masked(make: Callable[..., Any]) -> Any:
        query, value = Input((5,), dtype="int32"), Input((6,), dtype="int32")
        table = layers.Embedding(5, 4, mask_zero=True)
        return Model([query, value], make(table(query), table(value)))

    mha, gqa = layers.MultiHeadAttention, layers.GroupQueryAttention
    return {
        "dot": lambda: pair(lambda q, v: layers.Attention()([q, v])),
        "dot_scaled_key": lambda: pair(lambda q, v, k: layers.Attention(use_scale=True)([q, v, k]), ((6, 4), "float32")),
        "dot_causal": lambda: pair(lambda q, v: layers.Attention()([q, v], use_causal_mask=True, return_attention_scores=True)),
        "dot_masked": lambda: masked(lambda q, v: layers.Attention()([q, v])),
        "concat": lambda: pair(lambda q, v: layers.Attention(score_mode="concat", use_scale=True)([q, v])),
        "additive": lambda: pair(lambda q, v: layers.AdditiveAttention()([q, v])),
        "additive_unscaled": lambda: pair(lambda q, v: layers.AdditiveAttention(use_scale=False)([q, v])),
        "heads": lambda: pair(lambda q, v: mha(2, 3)(q, v)),
        "heads_values": lambda: pair(lambda q, v, k: mha(2, 3, value_dim=5, output_shape=7, dropout=0.1)(q, v, k), ((6, 3), "float32")),
        "heads_no_bias_scores": lambda: pair(lambda q, v: mha(2, 3, use_bias=False)(q, v, return_attention_scores=True)),
        "heads_causal": lambda: pair(lambda q, v: mha(2, 3)(q, q, use_causal_mask=True)),
        "heads_mask": lambda: pair(lambda q, v, a: mha(2, 3)(q, v, attention_mask=a), ((5, 6), "bool")),
        "heads_masked": lambda: masked(lambda q, v: mha(2, 3)(q, v)),
        "heads_masked_causal": lambda: masked(lambda q, v: mha(2, 3)(q, q, use_causal_mask=True)),
        "heads_gate_window": lambda: pair(lambda q, v: mha(2, 3, use_gate=True, sliding_window=2)(q, q)),
        "grouped": lambda: pair(lambda q, v: gqa(3, 4, 2)(q, v)),
        "grouped_causal": lambda: pair(lambda q, v: gqa(3, 4, 2, use_bias=False)(q, q, use_causal_mask=True)),
        "heads_open_steps": open_attention,
    }


def open_attention() -> Any:
    x = Input((None, 4))
    return Model(x, layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)))


def reshaping(m: Callable[..., Any]) -> dict[str, Make]:
    first = {"data_format": "channels_first"}
    return {
        "flatten": lambda: m((3, 4, 2), layers.Flatten()),
        "flatten_channels_first": lambda: m((2, 3, 4), layers.Flatten(**first)),
        "flatten_open": lambda: m((None, 3), layers.Flatten()),
        "reshape": lambda: m((3, 4), layers.Reshape((2, 6))),
        "reshape_rest": lambda: m((3, 4), layers.Reshape((2, -1, 3))),
        "reshape_open": lambda: m((None, 4), layers.Reshape((-1, 2))),
        "permute": lambda: m((3, 4, 2), layers.Permute((3, 1, 2))),
        "repeat_vector": lambda: m((3,), layers.RepeatVector(4)),
        "cropping1d": lambda: m((7, 3), layers.Cropping1D((1, 2))),
        "cropping2d": lambda: m((7, 6, 3), layers.Cropping2D(((1, 2), (0, 3)))),
        "cropping2d_channels_first": lambda: m((3, 7, 6), layers.Cropping2D((1, 2), **first)),
        "cropping3d": lambda: m((5, 6, 4, 2), layers.Cropping3D(1)),
        "padding1d": lambda: m((4, 3), layers.ZeroPadding1D((1, 2))),
        "padding2d": lambda: m((4, 3, 2), layers.ZeroPadding2D(((1, 2), (0, 3)))),
        "padding2d_channels_first": lambda: m((2, 4, 3), layers.ZeroPadding2D((1, 2), **first)),
        "padding3d": lambda: m((3, 4, 2, 2), layers.ZeroPadding3D(((1, 0), (2, 1), (0, 0)))),
        "up_sampling1d": lambda: m((4, 3), layers.UpSampling1D(3)),
        "up_sampling2d": lambda: m((4, 3, 2), layers.UpSampling2D((2, 3))),
        "up_sampling2d_bilinear": lambda: m((4, 3, 2), layers.UpSampling2D(2, interpolation="bilinear")),
        "up_sampling2d_channels_first": lambda: m((2, 4, 3), layers.UpSampling2D(2, **first)),
        "up_sampling2d_open": lambda: m((None, None, 2), layers.UpSampling2D(2)),
        "up_sampling3d": lambda: m((2, 3, 4, 2), layers.UpSampling3D((2, 1, 3))),
    }


def merging(m: Callable[..., Any]) -> dict[str, Make]:
    def merge(layer: Any, *shapes: Any) -> Any:
        inputs = [Input(shape) for shape in shapes or ((3, 4), (3, 4), (3, 4))]
        return Model(inputs, layer(inputs))

    two = (3, 4), (3, 4)
    return {
        "add": lambda: merge(layers.Add()),
        "add_ranks": lambda: merge(layers.Add(), (3, 4), (4,)),
        "subtract": lambda: merge(layers.Subtract(), *two),
        "multiply": lambda: merge(layers.Multiply()),
        "average": lambda: merge(layers.Average()),
        "maximum": lambda: merge(layers.Maximum()),
        "minimum": lambda: merge(layers.Minimum()),
        "concatenate": lambda: merge(layers.Concatenate(), (3, 4), (3, 2)),
        "concatenate_axis": lambda: merge(layers.Concatenate(axis=1), (3, 4), (5, 4)),
        "dot": lambda: merge(layers.Dot(axes=1), (4,), (4,)),
        "dot_normalized": lambda: merge(layers.Dot(axes=-1, normalize=True), (4,), (4,)),
        "dot_matrices": lambda: merge(layers.Dot(axes=(2, 1)), (3, 4), (4, 5)),
        "dot_ranks": lambda: merge(layers.Dot(axes=(1, 2)), (4,), (3, 4)),
    }


def activation(m: Callable[..., Any]) -> dict[str, Make]:
    names = (
        "relu relu6 leaky_relu elu selu celu softplus softsign sigmoid log_sigmoid tanh tanh_shrink silu gelu hard_sigmoid hard_silu "
        "hard_tanh mish exponential squareplus hard_shrink soft_shrink softmax log_softmax sparse_plus sparse_sigmoid linear"
    )
    found = {name: lambda name=name: m((6,), layers.Rescaling(2.0), layers.Activation(name)) for name in names.split()}
    return found | {
        "relu_layer": lambda: m((6,), layers.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.3)),
        "relu_layer_bounded": lambda: m((6,), layers.ReLU(max_value=1.0)),
        "relu_layer_leaky": lambda: m((6,), layers.ReLU(max_value=1.0, negative_slope=0.5)),
        "leaky_relu_layer": lambda: m((6,), layers.LeakyReLU(negative_slope=0.4)),
        "elu_layer": lambda: m((6,), layers.ELU(0.5)),
        "prelu": lambda: m((3, 4), layers.PReLU()),
        "prelu_shared": lambda: m((3, 4, 2), layers.PReLU(shared_axes=[1, 2])),
        "softmax_layer": lambda: m((3, 4), layers.Softmax(axis=1)),
        "softmax_axes": lambda: m((3, 4), layers.Softmax(axis=[1, 2])),
        "softmax_masked": softmax_masked,
        "layer_as_activation": lambda: m((6,), layers.Dense(4, activation=layers.LeakyReLU(0.3))),
    }


def softmax_masked() -> Any:
    x, mask = Input((3, 4)), Input((3, 4), dtype="bool")
    return Model([x, mask], layers.Softmax()(x, mask=mask))


def preprocessing(m: Callable[..., Any]) -> dict[str, Make]:
    def adapted(layer: Any, data: Any) -> Any:
        layer.adapt(data)
        return layer

    import numpy as np

    spread = np.random.default_rng(5).normal(3, 2, (20, 4)).astype("float32")
    return {
        "rescaling": lambda: m((4, 3, 2), layers.Rescaling(1 / 127.5, offset=-1.0), dtype="uint8"),
        "rescaling_channels": lambda: m((4, 3, 2), layers.Rescaling([2.0, 3.0], offset=[0.5, 0.0])),
        "normalization": lambda: m((4,), adapted(layers.Normalization(), spread)),
        "normalization_given": lambda: m((3, 2), layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 0.25])),
        "normalization_scalar": lambda: m((3, 2), layers.Normalization(axis=None, mean=1.0, variance=4.0, invert=True)),
        "normalization_axis": lambda: m((2, 3), layers.Normalization(axis=1, mean=[1.0, 2.0], variance=[4.0, 0.25])),
        "discretization": lambda: m((4,), layers.Discretization([-1.0, 0.0, 0.5])),
        "discretization_one_hot": lambda: m((4,), layers.Discretization([-1.0, 0.0, 0.5], output_mode="one_hot")),
        "category_one_hot": lambda: m((1,), layers.CategoryEncoding(5, output_mode="one_hot"), dtype="int32"),
        "category_multi_hot": lambda: m((3,), layers.CategoryEncoding(5), dtype="int32"),
        "category_count": lambda: m((3,), layers.CategoryEncoding(5, output_mode="count"), dtype="int32"),
        "resizing": lambda: m((6, 5, 2), layers.Resizing(4, 7)),
        "resizing_nearest": lambda: m((6, 5, 2), layers.Resizing(4, 7, interpolation="nearest")),
        "resizing_cropped": lambda: m((6, 5, 2), layers.Resizing(4, 7, crop_to_aspect_ratio=True)),
        "resizing_channels_first": lambda: m((2, 6, 5), layers.Resizing(4, 7, data_format="channels_first")),
        "center_crop": lambda: m((6, 5, 2), layers.CenterCrop(3, 2)),
        "center_crop_of_small": lambda: m((6, 5, 2), layers.CenterCrop(8, 4)),
        "augmentation": lambda: m(
            (6, 5, 3), layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1), layers.RandomContrast(0.1)
        ),
    }


def graphs(m: Callable[..., Any]) -> dict[str, Make]:
    return {
        "sequential": lambda: keras.Sequential([Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)]),
        "sequential_nested": lambda: keras.Sequential(
            [Input((4,)), keras.Sequential([layers.Dense(3), layers.BatchNormalization()]), m((3,), layers.Dense(2))]
        ),
        "nested": nested,
        "shared_layer": shared_layer,
        "several_inputs_and_outputs": several,
        "named_structures": named,
        "model_called_twice": called_twice,
        "time_distributed_model": lambda: m((3, 4), layers.TimeDistributed(m((4,), layers.Dense(3), layers.Dense(2)))),
    }


def nested() -> Any:
    inner_x = Input((4,))
    inner = Model(inner_x, [layers.Dense(3)(inner_x), layers.Dense(2)(inner_x)], name="inner")
    x = Input((4,))
    a, b = inner(layers.Dense(4)(x))
    outer = Model(x, layers.Concatenate()([a, b]), name="middle")
    z = Input((4,))
    return Model(z, layers.Dense(2)(outer(z)))


def shared_layer() -> Any:
    x, y = Input((4,)), Input((4,))
    layer = layers.Dense(4, activation="tanh")
    return Model([x, y], layers.Subtract()([layer(layer(x)), layer(y)]))


def several() -> Any:
    x, y = Input((4,), name="left"), Input((3,), name="right")
    a = layers.Dense(3, name="a")(x)
    return Model([x, y], [layers.Add(name="sum")([a, y]), a])


def named() -> Any:
    inputs = {"b": Input((4,), name="b"), "a": Input((3,), name="a")}
    return Model(inputs, {"z": layers.Dense(2)(inputs["a"]), "y": layers.Dense(5)(inputs["b"])})


def called_twice() -> Any:
    inner = keras.Sequential([Input((4,)), layers.Dense(4, activation="relu")])
    function_x = Input((4,))
    function = Model(function_x, layers.Dense(4)(function_x))
    x = Input((4,))
    return Model(x, [function(inner(inner(x))), function(x)])


def operations(m: Callable[..., Any]) -> dict[str, Make]:
    def of(make: Callable[..., Any], *shapes: Any, dtype: str = "float32") -> Any:
        inputs = [Input(shape, dtype=dtype) for shape in shapes or ((3, 4),)]
        return Model(inputs, make(*inputs))

    return {
        "python_operators": lambda: of(lambda x, y: (x * 2.0 - y) / (1.5 + x * x) + (-y), (3, 4), (3, 4)),
        "powers": lambda: of(lambda x: ops.sqrt(ops.abs(x)) ** 3.0 + ops.square(x) + ops.exp(-ops.maximum(x, 0.0))),
        "comparisons": lambda: of(lambda x, y: ops.where(ops.logical_or(x > y, x < -1.0), x, y * 0.5), (3, 4), (3, 4)),
        "activations": lambda: of(
            lambda x: ops.relu(x) + ops.sigmoid(x) + ops.silu(x) + ops.gelu(x) + ops.softplus(x) + ops.leaky_relu(x) + ops.elu(x, alpha=0.5)
        ),
        "softmaxes": lambda: of(lambda x: ops.softmax(x, axis=1) + ops.log_softmax(x) + ops.hard_sigmoid(x)),
        "rounding": lambda: of(lambda x: ops.floor(x) + ops.round(x * 3) + ops.sign(x) + ops.clip(x, -0.5, 0.5)),
        "reductions": lambda: of(
            lambda x: [ops.mean(x, axis=-1), ops.max(x, axis=[1, 2]), ops.sum(x, axis=1, keepdims=True), ops.std(x, axis=-1)]
        ),
        "extremes": lambda: of(lambda x: [ops.argmax(x, axis=-1), ops.argmin(x, axis=1)]),
        "matmul": lambda: of(lambda x, y: ops.matmul(x, y), (3, 4), (4, 2)),
        "einsum": lambda: of(lambda x, y: ops.einsum("bij,bkj->bki", x, y), (3, 4), (2, 4)),
        "einsum_heads": lambda: of(lambda x, y: ops.einsum("bqhd,bkhd->bhqk", x, y), (3, 2, 4), (5, 2, 4)),
        "shapes": lambda: of(lambda x: ops.transpose(ops.reshape(x, (-1, 2, 6)), (0, 2, 1))),
        "axes": lambda: of(lambda x: ops.swapaxes(ops.squeeze(ops.expand_dims(x, 1), 1), 1, 2) + ops.moveaxis(x, 1, 2)),
        "joining": lambda: of(lambda x, y: [ops.concatenate([x, y], axis=1), ops.stack([x, y], axis=1)], (3, 4), (3, 4)),
        "splitting": lambda: of(lambda x: [*ops.split(x, 2, axis=2), *ops.split(x, [1], axis=1)]),
        "repeating": lambda: of(lambda x: [ops.tile(x, (1, 2, 1)), ops.repeat(x, 2, axis=1), ops.flip(x, axis=1)]),
        "padding": lambda: of(lambda x: [ops.pad(x, ((0, 0), (1, 2), (0, 1))), ops.pad(x, ((0, 0), (1, 1), (2, 0)), mode="reflect")]),
        "slices": lambda: of(lambda x: [x[:, 1], x[:, ::2, 1:3], x[..., -1], x[:, None, :-1]]),
        "take": lambda: of(lambda x: ops.take(x, [2, 0], axis=1)),
        "cast": lambda: of(lambda x: ops.cast(x > 0, "float32") + ops.cast(ops.cast(x, "int32"), "float32")),
        "cumsum": lambda: of(lambda x: ops.cumsum(x, axis=1)),
    }
