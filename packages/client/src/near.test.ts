import { connectNodeRedis } from './adapters/node-redis/index.ts'
import { nearContract } from './near.contract.ts'

nearContract('@redis/client', connectNodeRedis)
