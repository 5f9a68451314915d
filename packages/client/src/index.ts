/** A cache for applications on Valkey or Redis OSS that never gives a value from before the last invalidation. */
export { connectNodeRedis } from './adapters/node-redis/index.ts'
export type {
  Answer,
  Argument,
  Command,
  Connect,
  Connection,
  ConnectionOptions,
  Credentials,
  Reply,
  Script,
  SendOptions,
  Tracking,
} from './connection.ts'
export { CacheError, type CacheErrorCode } from './errors.ts'
