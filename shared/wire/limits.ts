/** The largest message either side takes, in bytes: a stanza file or the answer about ten thousand nodes fits. */
export const messageLimit = 64 * 1024 * 1024;

/** Channel options of every client and server. */
export const channelOptions = {
  'grpc.max_receive_message_length': messageLimit,
  'grpc.max_send_message_length': messageLimit,
} as const;
