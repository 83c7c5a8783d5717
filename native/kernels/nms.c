/* Non-maximum suppression: of boxes that overlap, the one with the highest score remains. A box is four corners: top,
 * left, bottom, right. All is one work item, since each selection depends on those before it. */
#include "tl_math.h"
#include "tl_params.h"

/* A box that waits, its score, and how many of the selected boxes that heeds already. */
typedef struct {
    float score;
    int32_t index, heeded;
} candidate;

typedef struct {
    float corners[4], score;
    int32_t index;
} selection;

/* Finds the corners of a box. */
typedef void corners_function(const void *p, void *const *t, int32_t index, float *corners);

/* Of equal scores the first box wins. */
static inline int comes_first(const candidate *a, const candidate *b) {
    return a->score > b->score || (a->score == b->score && a->index < b->index);
}

/* Make the queue a heap again whose element i may come too early. */
static void sift(candidate *queue, int32_t length, int32_t i) {
    const candidate moving = queue[i];
    for (int32_t child; (child = 2 * i + 1) < length; i = child) {
        if (child + 1 < length && comes_first(queue + child + 1, queue + child)) ++child;
        if (!comes_first(queue + child, &moving)) break;
        queue[i] = queue[child];
    }
    queue[i] = moving;
}

/* Intersection over union. Empty boxes overlap nothing. */
static inline float overlap(const float *a, const float *b) {
    const float area_a = (a[2] - a[0]) * (a[3] - a[1]), area_b = (b[2] - b[0]) * (b[3] - b[1]);
    if (area_a <= 0.0f || area_b <= 0.0f) return 0.0f;
    const float height = TL_MIN(a[2], b[2]) - TL_MAX(a[0], b[0]), width = TL_MIN(a[3], b[3]) - TL_MAX(a[1], b[1]);
    const float common = TL_MAX(height, 0.0f) * TL_MAX(width, 0.0f);
    return common / (area_a + area_b - common);
}

/* When a box is suppressed by another, and how its score falls before. */
typedef struct {
    float most, least, exponent;
} limits;

/* The score of a box beside the selected ones that it does not heed yet, the latest first; -inf where it is suppressed.
 */
static float decayed(const candidate *c, const float *corners, const selection *selected, int32_t found, limits limit) {
    float score = c->score;
    for (int32_t i = found - 1; i >= c->heeded; --i) {
        const float share = overlap(corners, selected[i].corners);
        if (share >= limit.most) return -__builtin_inff();
        if (score <= limit.least) break;
        if (limit.exponent != 0.0f) score *= tl_expf(limit.exponent * share * share);
    }
    return score;
}

/* Select up to `count` boxes of a queue in any order, which is used up; returns how many. */
static inline int32_t suppress(candidate *queue, int32_t length, selection *selected, int32_t count, limits limit,
                               corners_function *find_corners, const void *p, void *const *t) {
    for (int32_t i = length / 2 - 1; i >= 0; --i) sift(queue, length, i);
    int32_t found = 0;
    while (length > 0 && found < count) {
        selection *next = selected + found;
        find_corners(p, t, queue->index, next->corners);
        const float score = decayed(queue, next->corners, selected, found, limit);
        if (score == queue->score || !(score > limit.least)) {
            if (score == queue->score) next->score = score, next->index = queue->index, ++found;
            *queue = queue[--length];
        } else {
            queue->score = score, queue->heeded = found;
        }
        sift(queue, length, 0);
    }
    return found;
}

/* Of any two opposite corners; NaN stays. */
static void corners_of_box(const void *p, void *const *t, int32_t index, float *corners) {
    (void)p;
    const float *box = (const float *)t[0] + 4 * (size_t)index;
    for (int i = 0; i < 2; ++i) {
        const int in_order = !(box[i] > box[i + 2]);
        corners[i] = box[in_order ? i : i + 2];
        corners[i + 2] = box[in_order ? i + 2 : i];
    }
}

/* t[0] boxes, t[1] scores, t[2] the size of the result, t[3] and t[4] limits of overlap and score, then sigma where it
 * is soft; indices, scores where it is soft, and how many; scratch for the queue and for what is selected. */
static int32_t select_boxes(const tl_nms_params *p, void *const *t, int is_soft) {
    const float *scores = t[1], sigma = is_soft ? *(const float *)t[5] : 0.0f;
    void *const *y = t + (is_soft ? 6 : 5), *const *scratch = y + (is_soft ? 3 : 2);
    candidate *queue = scratch[0];
    selection *selected = scratch[1];
    if (!(sigma >= 0.0f)) return TL_BAD_VALUE;
    const limits limit = {*(const float *)t[3], *(const float *)t[4],
                          sigma == 0.0f ? 0.0f : (float)(-0.5 / (double)sigma)};
    int32_t length = 0;
    for (int32_t i = 0; i < p->boxes; ++i)
        if (scores[i] > limit.least) queue[length++] = (candidate){scores[i], i, 0};
    const int32_t found = suppress(queue, length, selected, p->size, limit, corners_of_box, p, t);
    for (int32_t i = 0; i < p->size; ++i) {
        ((int32_t *)y[0])[i] = i < found ? selected[i].index : 0;
        if (is_soft) ((float *)y[1])[i] = i < found ? selected[i].score : 0.0f;
    }
    *(int32_t *)y[is_soft ? 2 : 1] = found;
    return TL_OK;
}

int32_t tl_nms_v4(const tl_nms_params *p, void *const *t, tl_range r) {
    (void)r;
    return select_boxes(p, t, 0);
}

int32_t tl_nms_v5(const tl_nms_params *p, void *const *t, tl_range r) {
    (void)r;
    return select_boxes(p, t, 1);
}

/* TFLite_Detection_PostProcess.
 * t[0] box encodings [boxes, encoding], t[1] class predictions [boxes, predictions], t[2] anchors [boxes, 4]; t[3]
 * boxes [slots, 4], t[4] classes, t[5] scores [slots], t[6] how many; scratch: t[7] the queue, t[8] what is selected.
 */

enum { ENCODINGS, PREDICTIONS, ANCHORS };

/* An element of one of the three inputs, float or quantized. */
static inline float real(const tl_detection_params *p, void *const *t, int input, size_t i) {
    if (p->type[input] == 0) return ((const float *)t[input])[i];
    const float stored = p->type[input] == 1 ? ((const uint8_t *)t[input])[i] : ((const int8_t *)t[input])[i];
    return (stored - p->zero_point[input]) * p->scale[input];
}

static void decode(const void *params, void *const *t, int32_t index, float *corners) {
    const tl_detection_params *p = params;
    const size_t encoding = (size_t)index * (size_t)p->encoding, anchor = (size_t)index * 4;
    for (size_t i = 0; i < 2; ++i) {
        const double size = real(p, t, ANCHORS, anchor + i + 2);
        const double centre = real(p, t, ENCODINGS, encoding + i) / (double)p->divisor[i] * size;
        const double growth = real(p, t, ENCODINGS, encoding + i + 2) / (double)p->divisor[i + 2];
        const float middle = (float)(centre + real(p, t, ANCHORS, anchor + i));
        const float half = (float)(0.5 * tl_exp2_f64(growth * 1.4426950408889634) * size);
        corners[i] = middle - half, corners[i + 2] = middle + half;
    }
}

/* Whether every box has its corners in order; only a negative anchor can swap them. */
static int in_order(const tl_detection_params *p, void *const *t) {
    for (int32_t i = 0; i < p->boxes; ++i) {
        const size_t anchor = (size_t)i * 4;
        if (real(p, t, ANCHORS, anchor + 2) >= 0.0f && real(p, t, ANCHORS, anchor + 3) >= 0.0f) continue;
        float corners[4];
        decode(p, t, i, corners);
        if (corners[0] > corners[2] || corners[1] > corners[3]) return 0;
    }
    return 1;
}

static inline float score_of(const tl_detection_params *p, void *const *t, int32_t box, int32_t class_) {
    return real(p, t, PREDICTIONS,
                (size_t)box * (size_t)p->predictions + (size_t)(p->predictions - p->classes + class_));
}

/* The highest score of a box; NaN where any is. */
static inline float best_score(const tl_detection_params *p, void *const *t, int32_t box) {
    float best = -__builtin_inff();
    for (int32_t k = 0; k < p->classes; ++k) {
        const float score = score_of(p, t, box, k);
        best = score > best || score != score ? score : best;
    }
    return best;
}

/* The boxes of one class, or of the best class of each, that remain. */
static int32_t select_class(const tl_detection_params *p, void *const *t, int32_t class_, int32_t count) {
    candidate *queue = t[7];
    const limits limit = {p->most, p->least, 0.0f};
    int32_t length = 0;
    for (int32_t i = 0; i < p->boxes; ++i) {
        const float score = class_ < 0 ? best_score(p, t, i) : score_of(p, t, i, class_);
        if (score > limit.least) queue[length++] = (candidate){score, i, 0};
    }
    return suppress(queue, length, t[8], count, limit, decode, p, t);
}

static void put(void *const *t, int32_t slot, const float *corners, int32_t class_, float score) {
    tl_copy((float *)t[3] + 4 * (size_t)slot, corners, 4 * sizeof *corners);
    ((float *)t[4])[slot] = (float)class_;
    ((float *)t[5])[slot] = score;
}

/* Suppression class by class; the best of all classes remain, of equal ones the first. */
static int32_t detect_regular(const tl_detection_params *p, void *const *t) {
    float *boxes = t[3], *classes = t[4], *scores = t[5];
    const selection *selected = t[8];
    int32_t total = 0;
    for (int32_t k = 0; k < p->classes; ++k) {
        const int32_t found = select_class(p, t, k, p->per_class);
        for (int32_t i = 0; i < found; ++i) {
            int32_t slot = total;
            while (slot > 0 && scores[slot - 1] < selected[i].score) --slot;
            if (slot == p->detections) break;
            total = TL_MIN(total + 1, p->detections);
            for (int32_t j = total - 1; j > slot; --j)
                put(t, j, boxes + 4 * (size_t)(j - 1), (int32_t)classes[j - 1], scores[j - 1]);
            put(t, slot, selected[i].corners, k, selected[i].score);
        }
    }
    return total;
}

/* One suppression, by the best score of each box; a detection is a box with its best classes, of equal ones the first.
 */
static int32_t detect_fast(const tl_detection_params *p, void *const *t) {
    const selection *selected = t[8];
    const int32_t found = select_class(p, t, -1, p->detections);
    for (int32_t i = 0; i < found; ++i) {
        float last_score = __builtin_inff();
        int32_t last = -1;
        for (int32_t room = 0; room < TL_MIN(p->room, p->classes); ++room) {
            int32_t best = -1;
            float best_score = 0.0f;
            for (int32_t k = 0; k < p->classes; ++k) {
                const float score = score_of(p, t, selected[i].index, k);
                const int is_new = score < last_score || (score == last_score && k > last);
                if (is_new && (best < 0 || score > best_score)) best = k, best_score = score;
            }
            put(t, i * p->room + room, selected[i].corners, best, best_score);
            last = best, last_score = best_score;
        }
    }
    return found;
}

int32_t tl_detection_any(const tl_detection_params *p, void *const *t, tl_range r) {
    (void)r;
    if (!in_order(p, t)) return TL_BAD_VALUE;
    const size_t slots = (size_t)p->detections * (size_t)p->room;
    for (int i = 3; i < 6; ++i) tl_fill(t[i], 0, slots * (i == 3 ? 4 : 1) * sizeof(float));
    *(float *)t[6] = (float)(p->regular ? detect_regular(p, t) : detect_fast(p, t));
    return TL_OK;
}
