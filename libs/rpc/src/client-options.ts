import type { ChannelOptions } from '@grpc/grpc-js';

/**
 * Options of every channel between our services. A peer that vanished without a word is noticed within 15 s; a server
 * that restarted is found within about a second, also at another address. A channel is one connection, which closes
 * when it had no calls for 90 s.
 */
export function clientOptions(options: { maxMessageBytes?: number } = {}): ChannelOptions {
  const bytes = options.maxMessageBytes ?? 100 * 1024 * 1024;
  return {
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.client_idle_timeout_ms': 90_000,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.min_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.dns_min_time_between_resolutions_ms': 1_000,
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': bytes,
    'grpc.max_send_message_length': bytes,
  };
}
