"""Train the digits net and write what `make demo` runs: the nets, their scans, and a picture.

Needs TensorFlow and scikit-learn, which Tachylite itself does not; use a scratch environment:

    python3 -m venv scratch && scratch/bin/pip install tensorflow scikit-learn
    scratch/bin/python examples/digits/train.py
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent
SEED = 7
EPOCHS = 60


def scans() -> tuple[np.ndarray, ...]:
    """The UCI scans, 8x8 with ink from 0 to 16, split into training and held-out scans and their labels."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8).astype(np.uint8)
    return tuple(train_test_split(images, labels.astype(np.uint8), test_size=0.2, random_state=SEED, stratify=labels))


def as_input(images: np.ndarray) -> np.ndarray:
    """Scans as the net takes them: float32 [n, 8, 8, 1], ink from 0 to 1."""
    return images[..., None].astype(np.float32) / 16


def build() -> tf.keras.Model:
    """Three convolutions, each normalized and rectified, then the mean over the picture and ten answers."""
    layers = tf.keras.layers
    x = inputs = tf.keras.Input((8, 8, 1), name="scan")
    for filters in (16, 32, 48):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        if filters == 32:
            x = layers.MaxPooling2D()(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return tf.keras.Model(inputs, layers.Dense(10, activation="softmax", name="digit")(x), name="digits")


def write_int8(model: tf.keras.Model, images: np.ndarray, path: Path) -> None:
    """The net in int8 throughout, its inputs and outputs too; `images` show the range of every value."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([scan[None]] for scan in as_input(images))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())


def main() -> None:
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    train, held_out, train_labels, held_out_labels = scans()

    model = build()
    rate = tf.keras.optimizers.schedules.CosineDecay(4e-3, EPOCHS * (len(train) // 32 + 1))
    model.compile(tf.keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(as_input(train), train_labels, batch_size=32, epochs=EPOCHS, verbose=2)
    loss, accuracy = model.evaluate(as_input(held_out), held_out_labels, verbose=0)
    print(f"held out: loss {loss:.4f}, accuracy {accuracy:.4f}")

    # A model that was never compiled saves without the optimizer's state, twice the size of the weights.
    model = tf.keras.Model(model.inputs, model.outputs, name=model.name)
    model.save(HERE / "digits.keras")
    (HERE / "digits.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    write_int8(model, train[:300], HERE / "digits_int8.tflite")
    np.savez_compressed(HERE / "training.npz", scans=train, labels=train_labels)
    np.savez_compressed(HERE / "held_out.npz", scans=held_out, labels=held_out_labels)
    # The first of them, a nine, as a picture: white ink on black.
    ink = np.round(held_out[0] * (255 / 16)).astype(np.uint8)
    tf.io.write_file(str(HERE / "nine.png"), tf.io.encode_png(ink[..., None]))


if __name__ == "__main__":
    main()
