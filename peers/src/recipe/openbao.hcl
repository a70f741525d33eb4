api_addr = "http://127.0.0.1:@PORT@"
cluster_addr = "http://127.0.0.1:@CLUSTER@"

listener "tcp" {
  address         = "127.0.0.1:@PORT@"
  cluster_address = "127.0.0.1:@CLUSTER@"
  tls_disable     = true
}

# It unseals itself, and begins with what is below.
seal "static" {
  current_key_id = "one"
  current_key    = "file://@FOLDER@/key"
}

audit "file" "file" {
  options {
    file_path = "@FOLDER@/audit.log"
  }
}

initialize "begin" {
  request "policy" {
    operation = "update"
    path      = "sys/policies/acl/app"
    data      = { policy = "path \"secret/data/app/*\" { capabilities = [\"read\"] }" }
  }
  request "token" {
    operation = "update"
    path      = "auth/token/create-orphan"
    data      = { id = "root", policies = ["root"], no_default_policy = true }
  }
}
