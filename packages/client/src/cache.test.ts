import { connectNodeRedis } from './adapters/node-redis/index.ts'
import { cacheContract } from './cache.contract.ts'

cacheContract('@redis/client', connectNodeRedis, ['single', 'cluster'])
