/** Sockets: socket(2), socket(7), unix(7), ip(7), ipv6(7), tcp(7), send(2), recv(2). */

// biome-ignore format: a table
export const AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16;

// biome-ignore format: a table
export const
  SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_RDM = 4, SOCK_SEQPACKET = 5, SOCK_DCCP = 6, SOCK_PACKET = 10,
  SOCK_TYPE_MASK = 0xf, SOCK_NONBLOCK = 0o4000, SOCK_CLOEXEC = 0o2000000;

// biome-ignore format: a table
export const IPPROTO_IP = 0, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_IPV6 = 41;

// biome-ignore format: a table
export const
  MSG_OOB = 0x1, MSG_PEEK = 0x2, MSG_DONTROUTE = 0x4, MSG_CTRUNC = 0x8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_EOR = 0x80, MSG_WAITALL = 0x100,
  MSG_CONFIRM = 0x800, MSG_ERRQUEUE = 0x2000, MSG_NOSIGNAL = 0x4000, MSG_MORE = 0x8000, MSG_WAITFORONE = 0x10000, MSG_CMSG_CLOEXEC = 0x4000_0000;

export const SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2;
export const SOMAXCONN = 4096;

export const SOL_SOCKET = 1;
// biome-ignore format: a table
export const
  SO_DEBUG = 1, SO_REUSEADDR = 2, SO_TYPE = 3, SO_ERROR = 4, SO_DONTROUTE = 5, SO_BROADCAST = 6, SO_SNDBUF = 7, SO_RCVBUF = 8, SO_KEEPALIVE = 9, SO_OOBINLINE = 10,
  SO_PRIORITY = 12, SO_LINGER = 13, SO_REUSEPORT = 15, SO_PASSCRED = 16, SO_PEERCRED = 17, SO_RCVLOWAT = 18, SO_SNDLOWAT = 19, SO_RCVTIMEO = 20, SO_SNDTIMEO = 21,
  SO_TIMESTAMP = 29, SO_ACCEPTCONN = 30, SO_PEERSEC = 31, SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE = 33, SO_PROTOCOL = 38, SO_DOMAIN = 39, SO_INCOMING_CPU = 49, SO_PEERGROUPS = 59;

export const SCM_RIGHTS = 1, SCM_CREDENTIALS = 2;
/** The most descriptors in one message. */
export const SCM_MAX_FD = 253;

// biome-ignore format: a table
export const
  TCP_NODELAY = 1, TCP_MAXSEG = 2, TCP_CORK = 3, TCP_KEEPIDLE = 4, TCP_KEEPINTVL = 5, TCP_KEEPCNT = 6, TCP_SYNCNT = 7, TCP_LINGER2 = 8, TCP_DEFER_ACCEPT = 9,
  TCP_INFO = 11, TCP_QUICKACK = 12, TCP_USER_TIMEOUT = 18, TCP_FASTOPEN = 23;
// biome-ignore format: a table
export const IP_TOS = 1, IP_TTL = 2, IP_RECVERR = 11, IP_PKTINFO = 8, IP_MTU_DISCOVER = 10, IP_FREEBIND = 15, IP_BIND_ADDRESS_NO_PORT = 24, IP_MULTICAST_TTL = 33, IP_MULTICAST_LOOP = 34;
// biome-ignore format: a table
export const IPV6_UNICAST_HOPS = 16, IPV6_MULTICAST_HOPS = 18, IPV6_RECVERR = 25, IPV6_V6ONLY = 26, IPV6_RECVPKTINFO = 49, IPV6_TCLASS = 67;

/** struct sockaddr_un, sockaddr_in, sockaddr_in6, sockaddr_storage. */
export const SOCKADDR_UN_BYTES = 110, SOCKADDR_IN_BYTES = 16, SOCKADDR_IN6_BYTES = 28, SOCKADDR_STORAGE_BYTES = 128;
/** struct msghdr, cmsghdr, ucred, mmsghdr. */
export const MSGHDR_BYTES = 56, CMSGHDR_BYTES = 16, UCRED_BYTES = 12, MMSGHDR_BYTES = 64;

export const SIOCATMARK = 0x8905, SIOCGIFCONF = 0x8912;
