/*
 * Models of Rust's standard library for ThreadSanitizer.
 *
 * The library comes compiled and not instrumented. Most code that orders threads is inlined into the
 * engine and so instrumented. Two parts are not, and would be reported as races:
 *
 * - The slow paths of the locks. A thread that waited for a mutex takes it within the library, and
 *   Condvar::wait also releases it there. The linker redirects these calls (--wrap) to the functions
 *   below, which forward them and report their effect.
 * - Fences, which ThreadSanitizer does not model. Arc drops its last reference with a decrement
 *   (release) and then a fence (acquire), which orders it after all earlier decrements of the same
 *   counter: the fence acquires the counter that this thread has decremented last.
 *
 * The names are mangled and differ between compilers; they are defined on the command line.
 */
#include <stdbool.h>
#include <stdint.h>

extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);

#define REAL(name) __asm__("__real_" name)
#define WRAP(name) __asm__("__wrap_" name)

/* A lock is taken by exchanging its first word; the previous owner has released that word in
 * inlined code. */
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

/* The time is an Option<Duration>: two registers, forwarded unchanged. */
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
