import { connectNodeRedis } from '../adapters/node-redis.ts'
import { nearContract } from './near.contract.ts'

nearContract('@redis/client', connectNodeRedis)
