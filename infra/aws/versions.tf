terraform {
  required_version = ">= 1.9" # the first whose validations may look at another variable

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.90, < 7.0" # earlier ones had trouble with lifecycle rules
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = var.tags
  }
}
