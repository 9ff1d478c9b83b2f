#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <deque>
#include <new>
#include <string>
#include <vector>

#include "shapes.hpp"

using namespace simdjson;
using trueup::CompiledShape;
using trueup::Entry;
using trueup::Field;
using trueup::Node;
using trueup::Type;

static_assert(TRUEUP_JSON_PADDING >= SIMDJSON_PADDING, "buffers are padded for simdjson");

struct trueup_json_decoder {
    ondemand::parser parser;
    // uint64_t keeps every row aligned: all rows consist of 8-byte members.
    std::vector<uint64_t> rows;
    // Texts that are not in the parser's memory, since they were mended; a deque moves none of them.
    std::deque<std::string> mended;
    ondemand::parser mender;
};

namespace {

constexpr unsigned not_hexadecimal = 0x10000;

// The unit of UTF-16 that an escape's four digits stand for.
unsigned unit_of(std::string_view json, size_t digits) {
    unsigned unit = 0;
    const char *start = json.data() + digits, *end = start + 4;
    auto [last, failure] = std::from_chars(start, end, unit, 16);
    return failure == std::errc() && last == end ? unit : not_hexadecimal;
}

// Escapes of NUL, which PostgreSQL keeps in no text, and of half a pair of surrogates, which no UTF-8 has, become
// those of U+FFFD, which are as long. Whether there were any.
bool mend_escapes(char *bytes, size_t length) {
    std::string_view json(bytes, length);
    auto is_escape = [&](size_t at) { return at + 6 <= json.size() && json[at] == '\\' && json[at + 1] == 'u'; };
    auto is_low = [](unsigned unit) { return unit >= 0xDC00 && unit <= 0xDFFF; };
    bool is_mended = false;
    for (size_t at = 0; at < json.size();) {
        if (!is_escape(at)) {
            at += json[at] == '\\' ? 2 : 1;
            continue;
        }
        unsigned unit = unit_of(json, at + 2);
        bool is_high = unit >= 0xD800 && unit <= 0xDBFF;
        if (is_high && is_escape(at + 6) && is_low(unit_of(json, at + 8))) {
            at += 12;
            continue;
        }
        if (is_high || is_low(unit) || unit == 0) {
            memcpy(bytes + at, "\\ufffd", 6);
            is_mended = true;
        }
        at += 6;
    }
    return is_mended;
}

template <size_t size>
void copy_text(char (&to)[size], std::string_view from) {
    size_t length = std::min(from.size(), size - 1);
    // A cut must not leave half a character behind.
    while (length < from.size() && length > 0 && (static_cast<unsigned char>(from[length]) & 0xC0) == 0x80) {
        length--;
    }
    memcpy(to, from.data(), length);
    to[length] = 0;
}

const char *type_name(ondemand::json_type type) {
    switch (type) {
    case ondemand::json_type::array: return "an array";
    case ondemand::json_type::object: return "an object";
    case ondemand::json_type::number: return "a number";
    case ondemand::json_type::string: return "a string";
    case ondemand::json_type::boolean: return "a boolean";
    case ondemand::json_type::null: return "null";
    }
    return "something else";
}

class Walk {
public:
    Walk(trueup_json_decoder &decoder, const CompiledShape &shape, trueup_json_error &error)
        : decoder(decoder), shape(shape), error(error) {}

    trueup_json_code run(const char *bytes, size_t length, bool is_list, trueup_json_page &page) {
        size_t first = 0;
        while (first < length && strchr(" \t\r\n", bytes[first]) != nullptr && bytes[first] != 0) {
            first++;
        }
        if (first == length) {
            return fail(TRUEUP_JSON_EMPTY, "", "an empty body", "an object");
        }
        if (bytes[first] != '{') {
            return fail(TRUEUP_JSON_NOT_JSON, "", "no object", "an object");
        }
        decoder.rows.clear();
        decoder.mended.clear();
        ondemand::document document;
        padded_string_view view(bytes, length, length + SIMDJSON_PADDING);
        if (auto code = decoder.parser.iterate(view).get(document)) {
            return broken("", code);
        }
        ondemand::object root;
        if (auto code = document.get_object().get(root)) {
            return broken("", code);
        }
        trueup_json_code done = is_list ? list(root, page.has_more) : one(root);
        if (done != TRUEUP_JSON_DONE) {
            return done;
        }
        index = -1;
        // In this release the end is told by there being no location any more.
        if (document.current_location().error() != OUT_OF_BOUNDS) {
            return fail(TRUEUP_JSON_BROKEN, "", "more text after the object", "the end");
        }
        page.rows = decoder.rows.data();
        page.count = count;
        return TRUEUP_JSON_DONE;
    }

private:
    trueup_json_decoder &decoder;
    const CompiledShape &shape;
    trueup_json_error &error;
    int64_t index = -1;
    size_t count = 0;
    size_t row = 0; // offset in words of the row being filled: `rows` may move
    uint64_t seen = 0;
    bool object_seen = false;

    trueup_json_code fail(
        trueup_json_code code, std::string_view field, std::string_view found, std::string_view expected) {
        error.code = code;
        error.index = index;
        copy_text(error.field, field);
        copy_text(error.found, found);
        copy_text(error.expected, expected);
        if (row * sizeof(uint64_t) + shape.shape->row_size <= decoder.rows.size() * sizeof(uint64_t)
            && shape.shape->object != nullptr && (index >= 0 || count > 0)) {
            auto &id = *reinterpret_cast<trueup_text *>(bytes() + shape.shape->id_offset);
            if (id.bytes != nullptr) {
                copy_text(error.id, {id.bytes, id.length});
            }
        }
        return code;
    }

    trueup_json_code broken(std::string_view field, error_code code) {
        return fail(TRUEUP_JSON_BROKEN, field, error_message(code), "");
    }

    char *bytes() {
        return reinterpret_cast<char *>(decoder.rows.data() + row);
    }

    // Keys are compared as they stand; only one with a backslash is unescaped first.
    static error_code key_of(ondemand::field &field, std::string_view &key) {
        const char *start = field.key().raw(), *end = start;
        while (*end != '"' && *end != '\\') {
            end++;
        }
        if (*end == '"') {
            key = {start, size_t(end - start)};
            return SUCCESS;
        }
        error_code code = field.unescaped_key().get(key);
        if (code == STRING_ERROR) {
            // Half a pair of surrogates: it is none of ours.
            key = {};
            return SUCCESS;
        }
        return code;
    }

    // A text as a database can keep it: one object's text must not keep all others from being read.
    error_code text_of(ondemand::value &value, std::string_view &text) {
        std::string_view token = value.raw_json_token();
        if (token.empty() || token[0] != '"' || token.find("\\u") == std::string_view::npos) {
            return value.get_string().get(text);
        }
        std::string json(token);
        if (!mend_escapes(json.data(), json.size())) {
            return value.get_string().get(text);
        }
        padded_string padded(json);
        ondemand::document document;
        error_code code = decoder.mender.iterate(padded).get(document);
        if (code || (code = document.get_string().get(text))) {
            return code;
        }
        text = decoder.mended.emplace_back(text);
        return SUCCESS;
    }

    trueup_json_code expect_object(ondemand::value value, const char *expected) {
        std::string_view found;
        if (auto code = value.get_string().get(found)) {
            return mismatch(value, "object", code, "a string");
        }
        if (expected != nullptr && found != expected) {
            return fail(TRUEUP_JSON_WRONG_OBJECT, "object", found, expected);
        }
        return TRUEUP_JSON_DONE;
    }

    trueup_json_code list(ondemand::object &root, bool &has_more) {
        bool data_seen = false, more_seen = false, list_seen = false;
        for (auto item : root) {
            ondemand::field field;
            std::string_view key;
            error_code code = std::move(item).get(field);
            if (code || (code = key_of(field, key))) {
                return broken("", code);
            }
            trueup_json_code done = TRUEUP_JSON_DONE;
            if (key == "data") {
                data_seen = true;
                done = data(field.value());
            } else if (key == "object") {
                list_seen = true;
                done = expect_object(field.value(), "list");
            } else if (key == "has_more") {
                more_seen = true;
                if ((code = field.value().get_bool().get(has_more))) {
                    done = mismatch(field.value(), "has_more", code, "a boolean");
                }
            }
            if (done != TRUEUP_JSON_DONE) {
                return done;
            }
            index = -1;
        }
        const char *missing = !list_seen ? "object" : !data_seen ? "data" : !more_seen ? "has_more" : nullptr;
        return missing == nullptr ? TRUEUP_JSON_DONE : fail(TRUEUP_JSON_MISSING, missing, "nothing", "a list");
    }

    trueup_json_code data(ondemand::value value) {
        ondemand::array array;
        if (auto code = value.get_array().get(array)) {
            return mismatch(value, "data", code, "an array");
        }
        for (auto item : array) {
            index = int64_t(count);
            ondemand::value element;
            ondemand::object object;
            error_code code = std::move(item).get(element);
            if (code) {
                return broken("", code);
            }
            if ((code = element.get_object().get(object))) {
                return mismatch(element, "data[]", code, "an object");
            }
            trueup_json_code done = one(object);
            if (done != TRUEUP_JSON_DONE) {
                return done;
            }
        }
        return TRUEUP_JSON_DONE;
    }

    trueup_json_code one(ondemand::object &object) {
        size_t words = (shape.shape->row_size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
        row = count * words;
        decoder.rows.resize(row + words, 0);
        count++;
        seen = 0;
        object_seen = false;
        trueup_json_code done = walk(object, *shape.root, true);
        if (done != TRUEUP_JSON_DONE) {
            return done;
        }
        if (shape.shape->object != nullptr && !object_seen) {
            return fail(TRUEUP_JSON_MISSING, "object", "nothing", shape.shape->object);
        }
        uint64_t absent = shape.required & ~seen;
        if (absent != 0) {
            const Field &field = shape.shape->fields[size_t(__builtin_ctzll(absent))];
            return fail(TRUEUP_JSON_MISSING, field.path, "null or nothing", expected(field.type));
        }
        return TRUEUP_JSON_DONE;
    }

    trueup_json_code walk(ondemand::object &object, const Node &node, bool is_root) {
        for (auto item : object) {
            ondemand::field field;
            std::string_view key;
            error_code code = std::move(item).get(field);
            if (code || (code = key_of(field, key))) {
                return broken("", code);
            }
            const Entry *entry = node.find(key.data(), key.size());
            if (entry == nullptr) {
                continue;
            }
            trueup_json_code done = TRUEUP_JSON_DONE;
            if (is_root && entry->field == nullptr && entry->child == nullptr) {
                object_seen = true;
                done = expect_object(field.value(), shape.shape->object);
            } else {
                done = take(field.value(), *entry);
            }
            if (done != TRUEUP_JSON_DONE) {
                return done;
            }
        }
        return TRUEUP_JSON_DONE;
    }

    trueup_json_code take(ondemand::value value, const Entry &entry) {
        ondemand::json_type type;
        if (auto code = value.type().get(type)) {
            return broken(entry.path, code);
        }
        if (type == ondemand::json_type::null) {
            bool null = false;
            error_code code = value.is_null().get(null);
            return !code && null ? TRUEUP_JSON_DONE : broken(entry.path, code ? code : N_ATOM_ERROR);
        }
        if (entry.field != nullptr && entry.field->type != Type::presence) {
            return store(value, type, entry);
        }
        ondemand::object object;
        if (entry.first_of_array) {
            ondemand::array array;
            if (auto code = value.get_array().get(array)) {
                return mismatch(value, entry.path, code, "an array");
            }
            for (auto item : array) {
                if (auto code = std::move(item).get_object().get(object)) {
                    return broken(entry.path, code);
                }
                // The first alone: the rest is skipped by whoever iterates on.
                return walk(object, *entry.child, false);
            }
            return TRUEUP_JSON_DONE;
        }
        if (auto code = value.get_object().get(object)) {
            return mismatch(value, entry.path, code, "an object");
        }
        if (entry.field != nullptr) {
            *reinterpret_cast<trueup_flag *>(bytes() + entry.field->offset) = TRUEUP_FLAG_TRUE;
            seen |= uint64_t(1) << entry.field_index;
        }
        return entry.child == nullptr ? TRUEUP_JSON_DONE : walk(object, *entry.child, false);
    }

    static const char *expected(Type type) {
        switch (type) {
        case Type::integer: return "an integer of 64 bits";
        case Type::flag: return "a boolean";
        case Type::text: return "a string";
        case Type::reference: return "an id or an object with an id";
        case Type::presence: return "an object";
        }
        return "";
    }

    trueup_json_code store(ondemand::value value, ondemand::json_type type, const Entry &entry) {
        const Field &field = *entry.field;
        error_code code = SUCCESS;
        switch (field.type) {
        case Type::integer: {
            int64_t integer = 0;
            code = value.get_int64().get(integer);
            if (!code) {
                *reinterpret_cast<trueup_integer *>(bytes() + field.offset) = {integer, true};
            }
            break;
        }
        case Type::flag: {
            bool flag = false;
            code = value.get_bool().get(flag);
            if (!code) {
                *reinterpret_cast<trueup_flag *>(bytes() + field.offset) = flag ? TRUEUP_FLAG_TRUE : TRUEUP_FLAG_FALSE;
            }
            break;
        }
        case Type::reference:
            if (type == ondemand::json_type::object) {
                return expanded(value, entry);
            }
            [[fallthrough]];
        case Type::presence:
        case Type::text: {
            std::string_view text;
            code = text_of(value, text);
            if (!code) {
                *reinterpret_cast<trueup_text *>(bytes() + field.offset) = {text.data(), text.size()};
            }
            break;
        }
        }
        if (code) {
            return mismatch(value, entry.path, code, expected(field.type));
        }
        seen |= uint64_t(1) << entry.field_index;
        return TRUEUP_JSON_DONE;
    }

    trueup_json_code expanded(ondemand::value value, const Entry &entry) {
        ondemand::object object;
        if (auto code = value.get_object().get(object)) {
            return broken(entry.path, code);
        }
        bool found = false;
        for (auto item : object) {
            ondemand::field field;
            std::string_view key, text;
            error_code code = std::move(item).get(field);
            if (code || (code = key_of(field, key))) {
                return broken(entry.path, code);
            }
            if (key == "id") {
                ondemand::value id = field.value();
                if ((code = text_of(id, text))) {
                    return mismatch(id, entry.path + ".id", code, "a string");
                }
                *reinterpret_cast<trueup_text *>(bytes() + entry.field->offset) = {text.data(), text.size()};
                seen |= uint64_t(1) << entry.field_index;
                found = true;
                continue;
            }
            const Entry *member = entry.child == nullptr ? nullptr : entry.child->find(key.data(), key.size());
            trueup_json_code done = member == nullptr ? TRUEUP_JSON_DONE : take(field.value(), *member);
            if (done != TRUEUP_JSON_DONE) {
                return done;
            }
        }
        return found ? TRUEUP_JSON_DONE
                     : fail(TRUEUP_JSON_MISSING, entry.path + ".id", "nothing", expected(Type::reference));
    }

    // Another type than expected, an integer that does not fit, or text that is not JSON at all.
    trueup_json_code mismatch(ondemand::value value, std::string_view field, error_code code, const char *expected) {
        ondemand::json_type type;
        bool known = !value.type().get(type);
        bool type_error = code == INCORRECT_TYPE || code == NUMBER_ERROR || code == NUMBER_OUT_OF_RANGE;
        if (!known || !type_error) {
            return broken(field, code);
        }
        std::string found = type_name(type);
        if (type == ondemand::json_type::number || type == ondemand::json_type::boolean) {
            std::string_view token = value.raw_json_token();
            found = std::string(token.substr(0, std::min(token.size(), token.find_last_not_of(" \t\r\n") + 1)));
        }
        return fail(TRUEUP_JSON_WRONG_TYPE, field, found, expected);
    }
};

} // namespace

trueup_json_decoder *trueup_json_decoder_new(void) {
    return new (std::nothrow) trueup_json_decoder();
}

void trueup_json_decoder_free(trueup_json_decoder *decoder) {
    delete decoder;
}

size_t trueup_json_decoder_footprint(const trueup_json_decoder *decoder) {
    // Of each byte of capacity: one word of 4 bytes for structure, and 5/3 bytes of unescaped strings.
    size_t mended = decoder->mender.capacity() * 6;
    for (const std::string &text : decoder->mended) {
        mended += text.capacity();
    }
    return decoder->parser.capacity() * 6 + decoder->rows.capacity() * sizeof(uint64_t) + mended;
}

trueup_json_code trueup_json_decode(
    trueup_json_decoder *decoder, trueup_kind kind, bool is_list,
    const char *bytes, size_t length, trueup_json_page *page, trueup_json_error *error) {
    *page = {nullptr, 0, false};
    *error = {TRUEUP_JSON_DONE, -1, "", "", "", ""};
    // No exception may cross into Swift.
    try {
        return Walk(*decoder, trueup::compiled(kind), *error).run(bytes, length, is_list, *page);
    } catch (const std::exception &) {
        error->code = TRUEUP_JSON_NO_MEMORY;
        return TRUEUP_JSON_NO_MEMORY;
    }
}

void trueup_json_mend(char *bytes, size_t length) {
    mend_escapes(bytes, length);
}

const char *trueup_json_implementation(void) {
    static const std::string name = get_active_implementation()->name();
    return name.c_str();
}
