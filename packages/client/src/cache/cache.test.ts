import { connectNodeRedis } from '../adapters/node-redis.ts'
import { cacheContract } from './cache.contract.ts'

cacheContract('@redis/client', connectNodeRedis, ['single', 'cluster'])
