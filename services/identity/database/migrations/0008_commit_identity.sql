ALTER TABLE "identity"."users" ADD COLUMN "commit_name" text;--> statement-breakpoint
ALTER TABLE "identity"."users" ADD COLUMN "commit_email" text;