/*
 * What ThreadSanitizer cannot see of Rust's standard library, told to it.
 *
 * The library comes compiled, and not instrumented. Most of what orders threads is inlined into the
 * engine, and seen; two things are not, and each would be reported as a race:
 *
 * - The slow paths of the locks. A thread that waited for a mutex takes it within the library, and
 *   Condvar::wait also gives it up there. The linker leads these calls (--wrap) to the functions
 *   below, which pass them on and say what they did.
 * - Fences, which ThreadSanitizer does not model. Arc gives up its last reference with a decrement
 *   (release) and then a fence (acquire), which orders it after all earlier decrements of the same
 *   counter: the fence acquires what this thread has decremented last.
 *
 * The names are mangled, and differ between compilers; they are given when this is compiled.
 */
#include <stdbool.h>
#include <stdint.h>

extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);

#define REAL(name) __asm__("__real_" name)
#define WRAP(name) __asm__("__wrap_" name)

/* A lock is taken by exchanging the word that it begins with; the thread that had it before has
 * released that word, inlined. */
#define TAKES(function, name)                    \
    extern void real_##function(void *lock) REAL(name); \
    void wrap_##function(void *lock) WRAP(name); \
    void wrap_##function(void *lock)             \
    {                                            \
        real_##function(lock);                   \
        __tsan_acquire(lock);                    \
    }

TAKES(lock_contended, MUTEX_LOCK_CONTENDED)
TAKES(read_contended, RWLOCK_READ_CONTENDED)
TAKES(write_contended, RWLOCK_WRITE_CONTENDED)

extern void real_wait(void *condition, void *mutex) REAL(CONDVAR_WAIT);
void wrap_wait(void *condition, void *mutex) WRAP(CONDVAR_WAIT);

void wrap_wait(void *condition, void *mutex)
{
    __tsan_release(mutex);
    real_wait(condition, mutex);
    __tsan_acquire(mutex);
}

/* The time is an Option<Duration>: two registers, passed as they are. */
extern bool real_wait_timeout(void *condition, void *mutex, uint64_t seconds, uint32_t nanoseconds)
    REAL(CONDVAR_WAIT_TIMEOUT);
bool wrap_wait_timeout(void *condition, void *mutex, uint64_t seconds, uint32_t nanoseconds)
    WRAP(CONDVAR_WAIT_TIMEOUT);

bool wrap_wait_timeout(void *condition, void *mutex, uint64_t seconds, uint32_t nanoseconds)
{
    __tsan_release(mutex);
    bool in_time = real_wait_timeout(condition, mutex, seconds, nanoseconds);
    __tsan_acquire(mutex);
    return in_time;
}

enum { ACQUIRE = 2, RELEASE = 3 };

static _Thread_local volatile void *decremented;

extern uint64_t real_fetch_sub(volatile uint64_t *, uint64_t, int) REAL("__tsan_atomic64_fetch_sub");
uint64_t wrap_fetch_sub(volatile uint64_t *, uint64_t, int) WRAP("__tsan_atomic64_fetch_sub");

uint64_t wrap_fetch_sub(volatile uint64_t *counter, uint64_t by, int order)
{
    if (order == RELEASE)
        decremented = counter;
    return real_fetch_sub(counter, by, order);
}

extern void real_fence(int order) REAL("__tsan_atomic_thread_fence");
void wrap_fence(int order) WRAP("__tsan_atomic_thread_fence");

void wrap_fence(int order)
{
    if (order == ACQUIRE && decremented)
        __tsan_acquire((void *)decremented);
    real_fence(order);
}
