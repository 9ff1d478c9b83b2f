// Tables that say which fields of an object are read, and the trees they are compiled into.
#ifndef TRUEUP_SHAPES_HPP
#define TRUEUP_SHAPES_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "CSimdjson.h"

namespace trueup {

enum class Type {
    integer,   // trueup_integer
    flag,      // trueup_flag
    text,      // trueup_text
    reference, // trueup_text: an id, or an expanded object whose id is taken; other fields may name its members
    presence,  // trueup_flag: true for an object, whose members other fields may name
};

struct Field {
    // Keys joined by dots; "key[]" goes into the first element of an array.
    const char *path;
    Type type;
    size_t offset;
    bool required;
};

struct Shape {
    const char *object; // expected value of "object"; nullptr when any will do
    std::vector<Field> fields;
    size_t row_size;
    size_t id_offset; // of a trueup_text
};

struct Node;

// One key of an object: a leaf that is stored, a subtree that is walked, or both.
struct Entry {
    std::string key;
    const Field *field = nullptr;
    int field_index = -1;
    Node *child = nullptr;
    bool first_of_array = false;
    std::string path;
    int next = -1;
};

struct Node {
    static constexpr size_t bucket_count = 128;
    std::vector<Entry> entries;
    int buckets[bucket_count];

    static size_t bucket(const char *key, size_t length) {
        auto first = static_cast<unsigned char>(key[0]), last = static_cast<unsigned char>(key[length - 1]);
        return (length * 7 + first * 31 + last * 3) % bucket_count;
    }

    const Entry *find(const char *key, size_t length) const {
        if (length == 0) {
            return nullptr;
        }
        for (int i = buckets[bucket(key, length)]; i >= 0; i = entries[size_t(i)].next) {
            const Entry &entry = entries[size_t(i)];
            if (entry.key.size() == length && std::string_view(key, length) == entry.key) {
                return &entry;
            }
        }
        return nullptr;
    }
};

struct CompiledShape {
    const Shape *shape;
    Node *root;
    uint64_t required; // one bit for each required field, by its place in the table
};

const CompiledShape &compiled(trueup_kind kind);

} // namespace trueup

#endif
