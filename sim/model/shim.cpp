// The C++ part of every model: a clock, and what is to be done at each cycle so that Python need not.
//
// Compiled with the model's own ports.inc, which sim/model/shim.py writes: the port table and the functions in namespace ports.
// A cycle ends with a rising edge. Outputs are looked at before it, with the inputs of that cycle applied.
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "Vmodel.h"
#include "Vmodel___024root.h"
#include "verilated.h"
#if MODEL_TRACE_VCD
#include "verilated_vcd_c.h"
using TraceFile = VerilatedVcdC;
#elif MODEL_TRACE_FST
#include "verilated_fst_c.h"
using TraceFile = VerilatedFstC;
#endif
#define MODEL_TRACES (MODEL_TRACE_VCD || MODEL_TRACE_FST)

namespace {

template <typename T>
void read_port(const T& port, uint32_t* out) {
    out[0] = static_cast<uint32_t>(port);
    if constexpr (sizeof(T) > 4) out[1] = static_cast<uint32_t>(static_cast<uint64_t>(port) >> 32);
}
template <std::size_t N>
void read_port(const VlWide<N>& port, uint32_t* out) {
    for (std::size_t i = 0; i < N; ++i) out[i] = port[i];
}
template <typename T>
void write_port(T& port, const uint32_t* in) {
    if constexpr (sizeof(T) > 4) {
        port = in[0] | (static_cast<uint64_t>(in[1]) << 32);
    } else {
        port = static_cast<T>(in[0]);
    }
}
template <std::size_t N>
void write_port(VlWide<N>& port, const uint32_t* in) {
    for (std::size_t i = 0; i < N; ++i) port[i] = in[i];
}
template <typename T>
uint32_t word_of(const T& port, unsigned word) {
    return static_cast<uint32_t>(static_cast<uint64_t>(port) >> (32 * word));
}
template <std::size_t N>
uint32_t word_of(const VlWide<N>& port, unsigned word) {
    return port[word];
}
template <typename T>
bool bit_of(const T& port, unsigned bit) {
    return (word_of(port, bit / 32) >> (bit % 32)) & 1;
}
// WIDTH bits of a port, from bit FIRST on; not a word of the port more than that is read.
template <unsigned FIRST, unsigned WIDTH, typename T>
void read_bits(const T& port, uint32_t* out) {
    constexpr unsigned start = FIRST / 32, shift = FIRST % 32, end = (FIRST + WIDTH - 1) / 32, words = (WIDTH + 31) / 32;
    for (unsigned i = 0; i < words; ++i) {
        out[i] = word_of(port, start + i) >> shift;
        if (shift && start + i < end) out[i] |= word_of(port, start + i + 1) << (32 - shift) % 32;
    }
    if (WIDTH % 32) out[words - 1] &= (1u << WIDTH % 32) - 1;
}

struct Recording {
    bool on = false;
    uint64_t count = 0;       // valid records seen, kept or not
    uint64_t keep_last = 0;   // entries; 0: keep all
    std::vector<uint32_t> entries;
};

struct State {
    std::unique_ptr<VerilatedContext> context;
    std::unique_ptr<Vmodel> top;
    uint64_t cycle = 0;
    bool unsettled = true;  // inputs have changed since the last eval
    bool full = false;      // a buffer has reached its limit
    std::vector<std::vector<uint32_t>> streams;
    std::vector<std::deque<uint32_t>> feeds;
    std::vector<Recording> recordings;
    std::vector<uint32_t> answers;
#if MODEL_TRACES
    std::unique_ptr<TraceFile> trace;
    bool tracing = false;
#endif
};

constexpr std::size_t STREAM_LIMIT = 1u << 20;  // words of one stream before a run stops for Python to fetch them
constexpr std::size_t RECORD_LIMIT = 16u << 20;  // words of one recording

template <typename T>
void take_word(State& s, unsigned number, const T& data) {
    auto& words = s.streams[number];
    words.push_back(static_cast<uint32_t>(data));
    if (words.size() >= STREAM_LIMIT) s.full = true;
}

template <unsigned FIRST, unsigned WIDTH, typename T>
void take_record(State& s, unsigned number, const T& port) {
    Recording& r = s.recordings[number];
    ++r.count;
    if (!r.on) return;
    constexpr std::size_t stride = (WIDTH + 31) / 32 + 2;
    const std::size_t start = r.entries.size();
    // Twice what is wanted is kept, then halved, so that the oldest are dropped at little cost.
    if (r.keep_last && start >= 2 * r.keep_last * stride) {
        r.entries.erase(r.entries.begin(), r.entries.end() - static_cast<std::ptrdiff_t>(r.keep_last * stride));
    } else if (!r.keep_last && start >= RECORD_LIMIT) {
        s.full = true;
    }
    const std::size_t at = r.entries.size();
    r.entries.resize(at + stride);
    r.entries[at] = static_cast<uint32_t>(s.cycle);
    r.entries[at + 1] = static_cast<uint32_t>(s.cycle >> 32);
    read_bits<FIRST, WIDTH>(port, &r.entries[at + 2]);
}

#include "ports.inc"

// Both edges are evaluated where waves are drawn or the design looks at falling edges; otherwise the model is only told that the clock has
// been low, which saves an evaluation a cycle.
void low_phase(State& s) {
#if MODEL_TRACES
    s.top->clk = 0;
    s.top->eval();
    if (s.tracing) s.trace->dump(s.cycle * 10 + 5);
#else
    if (s.unsettled || !MODEL_SKIPS_LOW_PHASE) {
        s.top->clk = 0;
        s.top->eval();
    } else {
        MODEL_FORGET_CLOCK(*s.top);
    }
#endif
    s.unsettled = false;
}

void high_phase(State& s) {
    s.top->clk = 1;
    s.top->eval();
    ++s.cycle;
#if MODEL_TRACES
    if (s.tracing) s.trace->dump(s.cycle * 10);
#endif
}

// One cycle; returns the stop ports that were not zero in it.
inline uint32_t step(State& s) {
    low_phase(s);
    const uint32_t stops = ports::look(*s.top, s);
    high_phase(s);
    if (ports::offer(*s.top, s)) s.unsettled = true;
    return stops;
}

// Several models live in one process: the runtime must know whose turn it is.
inline void enter(State* s) { Verilated::threadContextp(s->context.get()); }

}  // namespace

extern "C" {

// ``arguments`` are the simulator's ("+name=value", which the circuit's $value$plusargs find).
State* model_create(int count, const char* const* arguments) {
    auto* s = new State;
    s->context = std::make_unique<VerilatedContext>();
    s->context->randReset(0);
    std::vector<const char*> line{"model"};
    line.insert(line.end(), arguments, arguments + count);
    s->context->commandArgs(static_cast<int>(line.size()), line.data());
#if MODEL_TRACES
    s->context->traceEverOn(true);
#endif
    s->top = std::make_unique<Vmodel>(s->context.get(), "top");
    s->streams.resize(ports::STREAMS);
    s->feeds.resize(ports::FEEDS);
    s->recordings.resize(ports::RECORDINGS);
#if MODEL_TRACES
    s->trace = std::make_unique<TraceFile>();
    s->trace->set_time_unit("1ns");
    s->trace->set_time_resolution("1ns");
    s->top->trace(s->trace.get(), 99);
#endif
    s->top->clk = 0;
    s->top->eval();
    return s;
}

void model_destroy(State* s) {
    enter(s);
#if MODEL_TRACES
    if (s->tracing) s->trace->close();
#endif
    s->top->final();
    s->top.reset();
    // Verilator's runtime keeps a pointer to the thread's context, which must not outlive it.
    static VerilatedContext none;
    Verilated::threadContextp(&none);
    delete s;
}

void model_set(State* s, unsigned port, const uint32_t* words) {
    ports::set(*s->top, port, words);
    s->unsettled = true;
}

void model_get(State* s, unsigned port, uint32_t* words) {
    enter(s);
    if (s->unsettled) {
        s->top->clk = 0;
        s->top->eval();
        s->unsettled = false;
    }
    ports::get(*s->top, port, words);
}

uint64_t model_cycle(State* s) { return s->cycle; }

// Runs for at most ``cycles``; ends early after a cycle in which one of the stop ports in ``mask`` was not zero (their bits in ``stopped``), or
// when a buffer is full (bit 31). Returns the cycles run.
uint64_t model_run(State* s, uint64_t cycles, uint32_t mask, uint32_t* stopped) {
    enter(s);
    *stopped = 0;
    s->full = false;
    if (ports::offer(*s->top, *s)) s->unsettled = true;
    for (uint64_t n = 0; n < cycles;) {
        const uint32_t stops = step(*s) & mask;
        ++n;
        if (VL_UNLIKELY(stops || s->full)) {
            *stopped = stops | (s->full ? 1u << 31 : 0);
            return n;
        }
    }
    return cycles;
}

// Words taken from stream ``number``; valid until the next call of run, transact or drop.
std::size_t model_stream(State* s, unsigned number, const uint32_t** words) {
    *words = s->streams[number].data();
    return s->streams[number].size();
}
void model_stream_drop(State* s, unsigned number) { s->streams[number].clear(); }

void model_feed(State* s, unsigned number, const uint32_t* words, std::size_t count) {
    s->feeds[number].insert(s->feeds[number].end(), words, words + count);
}
std::size_t model_feed_left(State* s, unsigned number) { return s->feeds[number].size(); }

void model_record(State* s, unsigned number, int on, uint64_t keep_last) {
    s->recordings[number].on = on;
    s->recordings[number].keep_last = keep_last;
}
uint64_t model_record_count(State* s, unsigned number) { return s->recordings[number].count; }
std::size_t model_records(State* s, unsigned number, const uint32_t** words) {
    *words = s->recordings[number].entries.data();
    return s->recordings[number].entries.size();
}
void model_records_drop(State* s, unsigned number) { s->recordings[number].entries.clear(); }

// Plays ``count`` requests: each is the request's fields and, last, how many answers it gets; all of its answers come before the next
// request is made. Answers are collected field by field. Returns the requests completed; fewer than ``count`` if ``cycles`` were not enough.
std::size_t model_transact(State* s, const uint32_t* requests, std::size_t count, uint64_t cycles, const uint32_t** answers, std::size_t* words) {
    enter(s);
    std::size_t done = 0;
    s->answers.clear();
#if MODEL_TRANSACTS
    constexpr std::size_t stride = ports::REQUEST_FIELDS + 1;
    const uint64_t end = s->cycle + cycles;
    uint32_t waiting = 0;
    bool offered = false;
    while (done < count && s->cycle < end) {
        const uint32_t* request = requests + done * stride;
        if (!offered && !waiting) {
            ports::put_request(*s->top, request, true);
            offered = true;
            s->unsettled = true;
        }
        low_phase(*s);
        ports::look(*s->top, *s);
        bool next = false;
        if (ports::take_answer(*s->top, s->answers) && waiting) next = --waiting == 0;
        if (offered && ports::request_taken(*s->top)) {
            offered = false;
            waiting = request[ports::REQUEST_FIELDS];
            next = waiting == 0;
        }
        high_phase(*s);
        if (ports::offer(*s->top, *s)) s->unsettled = true;
        if (!offered) {
            ports::put_request(*s->top, request, false);
            s->unsettled = true;
        }
        if (next) ++done;
    }
    if (offered) {
        ports::put_request(*s->top, requests, false);
        s->unsettled = true;
    }
#endif
    *answers = s->answers.data();
    *words = s->answers.size();
    return done;
}

// The main memory's words, or null where there is none.
uint32_t* model_ram(State* s, std::size_t* words) {
    *words = MODEL_RAM_WORDS;
    return MODEL_RAM(*s->top);
}

int model_trace_start(State* s, const char* path) {
#if MODEL_TRACES
    enter(s);
    if (s->tracing) s->trace->close();
    s->trace->open(path);
    s->tracing = s->trace->isOpen();
    if (s->tracing) {
        s->top->eval();
        s->trace->dump(s->cycle * 10);
    }
    return s->tracing;
#else
    (void)s;
    (void)path;
    return 0;
#endif
}
void model_trace_stop(State* s) {
#if MODEL_TRACES
    if (s->tracing) s->trace->close();
    s->tracing = false;
#else
    (void)s;
#endif
}

}  // extern "C"
