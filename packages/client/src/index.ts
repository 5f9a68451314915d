/** A cache for applications on Valkey or Redis OSS that never gives a value from before the last invalidation. */
export { connectNodeRedis } from './adapters/node-redis.ts'
export { type FindOptions, type Found, findReplicationGroup } from './aws/elasticache.ts'
export { type AwsKeys, type IamOptions, iamCredentials } from './aws/iam.ts'
export type { Cache, ManyTags } from './cache/cache.ts'
export { binaryCodec, type Codec, jsonCodec } from './cache/codec.ts'
export { type CacheOptions, createCache } from './cache/create.ts'
export type { CacheEvent, Counters, MissReason } from './cache/events.ts'
export type { Explanation } from './cache/explain.ts'
export type { LoadContext } from './cache/get.ts'
export type { EntryOptions, GetOptions } from './cache/options.ts'
export type { WriteBehind, WriteBehindOptions } from './cache/write-behind.ts'
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
} from './connection/connection.ts'
export { CacheError, type CacheErrorCode, isCacheError } from './errors.ts'
