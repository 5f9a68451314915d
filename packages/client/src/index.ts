/** A cache for applications on Valkey or Redis OSS that never gives a value from before the last invalidation. */
export { connectNodeRedis } from './adapters/node-redis.ts'
export type { Cache, ManyTags } from './cache.ts'
export { binaryCodec, type Codec, jsonCodec } from './codec.ts'
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
export { type CacheOptions, createCache } from './create.ts'
export { type FindOptions, type Found, findReplicationGroup } from './elasticache.ts'
export { CacheError, type CacheErrorCode, isCacheError } from './errors.ts'
export type { CacheEvent, Counters, MissReason } from './events.ts'
export type { Explanation } from './explain.ts'
export type { LoadContext } from './get.ts'
export { type AwsKeys, type IamOptions, iamCredentials } from './iam.ts'
export type { EntryOptions, GetOptions } from './options.ts'
export type { WriteBehind, WriteBehindOptions } from './write-behind.ts'
