/** The CDK app: `npx cdk synth`, `npx cdk deploy 'standpipe-production-*'`. */
import { buildApp } from "../lib/infra/build-app.ts";

buildApp().synth();
