/** Events of poll(2) and epoll(7). */

// biome-ignore format: a table
export const
  POLLIN = 0x1, POLLPRI = 0x2, POLLOUT = 0x4, POLLERR = 0x8, POLLHUP = 0x10, POLLNVAL = 0x20, POLLRDNORM = 0x40, POLLRDBAND = 0x80,
  POLLWRNORM = 0x100, POLLWRBAND = 0x200, POLLRDHUP = 0x2000;

export const EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3;
export const EPOLLEXCLUSIVE = 0x1000_0000, EPOLLWAKEUP = 0x2000_0000, EPOLLONESHOT = 0x4000_0000, EPOLLET = 0x8000_0000;
/** struct epoll_event is packed on x86-64. */
export const EPOLL_EVENT_BYTES = 12;

export const EFD_SEMAPHORE = 1, EFD_NONBLOCK = 0o4000, EFD_CLOEXEC = 0o2000000;
export const TFD_TIMER_ABSTIME = 1, TFD_TIMER_CANCEL_ON_SET = 2;
